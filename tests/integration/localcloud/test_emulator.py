"""One test for each gap of ministack that the wrapper closes, and for what the application relies on besides."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError
from botocore.httpsession import URLLib3Session

from localcloud import processes
from localcloud.access_key import AccessKey
from localcloud.emulator.names import INTERRUPTED
from localcloud.environment import REGION
from localcloud.home import PROJECT
from tests.integration.localcloud.conftest import CALLERS_OWN, STACK, Probe
from tests.waiting import wait_for

pytestmark = pytest.mark.aws


def test_an_exception_keeps_its_name_and_the_worker_lives_on(probe: Probe) -> None:
    # Given a function that is warm
    before = probe.look()["pid"]
    # When it raises
    failure, error = probe.invoke(probe.outputs["ProbeFunctionName"], {"do": "raise"})
    # Then Lambda names the exception's class, and the same process answers the next call
    assert error == "Unhandled"
    assert (failure["errorType"], failure["errorMessage"]) == ("FancyError", "as asked")
    assert any("app.py" in line for line in failure["stackTrace"])
    assert probe.look()["pid"] == before


def test_a_function_that_cannot_be_imported_says_why(probe: Probe) -> None:
    # Given a function whose module isn't there, when it is invoked
    failure, _ = probe.invoke(_physical(probe, "BrokenFunction"), {})
    # Then it fails as in Lambda, and the log has the traceback
    assert failure["errorType"] == "Runtime.ImportModuleError"
    assert "app_that_is_not_there" in failure["errorMessage"]
    log = _log(probe, _physical(probe, "BrokenFunction"))
    assert "Traceback (most recent call last)" in log


def test_functions_run_in_an_interpreter_of_their_own_with_their_layers(probe: Probe) -> None:
    seen = probe.look()
    assert seen["executable"].startswith(str(PROJECT / ".venvs" / "runtime"))
    assert not any(".venvs/ministack" in path or path == str(PROJECT) for path in seen["path"])
    assert seen["greeting"] == "hello from the layer"


def test_a_burst_waits_for_few_workers_instead_of_starting_many(probe: Probe) -> None:
    # Given ten invocations at once, each taking a while
    function = probe.outputs["ProbeFunctionName"]
    with ThreadPoolExecutor(10) as callers:
        answers = list(callers.map(lambda _: probe.invoke(function, {"do": "look", "seconds": 0.1}), range(10)))
    # Then all are answered, by the two processes that are allowed here
    assert [error for _, error in answers] == [None] * 10
    assert len({seen["pid"] for seen, _ in answers}) == 2


def test_functions_see_nothing_of_the_callers_environment(probe: Probe) -> None:
    seen = probe.look()["environment"]
    assert not set(CALLERS_OWN.values()) & set(seen.values())
    assert "AWS_PROFILE" not in seen
    assert seen["AWS_ENDPOINT_URL"] == probe.endpoints.aws_url
    assert seen["HOME"].startswith(str(probe.emulator.home.root))


def test_temporary_files_stay_inside_the_home(probe: Probe) -> None:
    assert Path(probe.look()["folder"]).is_relative_to(probe.emulator.home.temporary("emulator"))


def test_nothing_listens_beyond_loopback(probe: Probe) -> None:
    # Given every process of the emulator
    pids = [process.pid for process in processes.find(probe.emulator.home.root)]
    # When we look at what they listen on
    listening = [
        connection.laddr.ip
        for pid in pids
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    # Then it is loopback
    assert set(listening) == {"127.0.0.1"}


def test_it_refuses_to_listen_to_the_network(probe: Probe) -> None:
    # Given the emulator's environment with another address, when it is started
    environment = {**probe.emulator.environment(), "BIND_HOST": "0.0.0.0"}  # noqa: S104
    arguments = [str(argument) for argument in probe.emulator.arguments()]
    finished = subprocess.run(arguments, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    # Then it ends before it opens a port, and says why
    assert finished.returncode != 0
    assert "BIND_HOST must be '127.0.0.1'" in finished.stderr


def test_a_nested_sam_template_is_deployed_with_parameters_and_outputs(probe: Probe) -> None:
    # The layer's ARN went into the nested stack, the nested stack's function came out of it
    assert probe.outputs["ProbeFunctionName"].startswith(f"{STACK}-Probes-")
    configuration = probe.client("lambda").get_function_configuration(FunctionName=probe.outputs["ProbeFunctionName"])
    assert [layer["Arn"].split(":")[5] for layer in configuration["Layers"]] == ["layer"]
    assert configuration["Environment"]["Variables"]["WORD"] == "please"


def test_types_that_the_emulator_does_not_know_do_not_break_the_template(probe: Probe) -> None:
    statuses = {item["ResourceType"]: item["ResourceStatus"] for item in _resources(probe)}
    for resource_type in (
        "AWS::Budgets::Budget",
        "AWS::Events::Archive",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::SageMaker::Model",
    ):
        assert statuses[resource_type] == "CREATE_COMPLETE"


def test_a_custom_resource_is_answered_by_its_function(probe: Probe) -> None:
    assert probe.outputs["CustomAnswer"] == "you said please"


def test_a_state_machine_catches_an_error_by_name_and_publishes_to_sns(probe: Probe) -> None:
    # Given a state machine whose function raises FancyError
    states, sqs = probe.client("stepfunctions"), probe.client("sqs")
    execution = states.start_execution(stateMachineArn=probe.outputs["ProbeMachineArn"], input="{}")
    # When it has run
    described = _ended(states, execution["executionArn"])
    # Then it took the way of that error, and the topic's subscriber has the message
    assert described["status"] == "SUCCEEDED", described
    received = sqs.receive_message(QueueUrl=probe.outputs["ProbeQueueUrl"], WaitTimeSeconds=5)
    assert [message["Body"] for message in received["Messages"]] == ["FancyError"]


def test_an_sdk_task_s_error_has_the_name_of_the_sdk_s_class(probe: Probe) -> None:
    # Given a state machine that expects a parameter not to be there, as AWS would tell it
    look = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
        "Parameters": {"Name": "/nobody/has/written/this"},
        "Catch": [{"ErrorEquals": ["Ssm.ParameterNotFoundException"], "Next": "Missing"}],
        "End": True,
    }
    definition = {"StartAt": "Look", "States": {"Look": look, "Missing": {"Type": "Succeed"}}}
    states = probe.client("stepfunctions")
    arn = states.create_state_machine(
        name="looks", definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/states"
    )["stateMachineArn"]
    # When it runs; Then it caught the error
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    described = _ended(states, execution)
    assert described["status"] == "SUCCEEDED", described


def test_an_object_that_arrives_in_s3_reaches_a_rule(probe: Probe) -> None:
    probe.client("s3").put_object(Bucket=probe.outputs["ProbeBucketName"], Key="inbox/a.csv", Body=b"a,b")
    event = _delivered(probe, "aws.s3")
    assert event["detail"]["object"]["key"] == "inbox/a.csv"


def test_messages_wait_for_their_batch_and_the_refused_ones_end_in_their_queue(probe: Probe) -> None:
    # Given messages that come in little by little, one of which the function refuses
    sqs, queue_url = probe.client("sqs"), probe.outputs["GatheringQueueUrl"]
    bodies = [f"message {number}" for number in range(24)] + ["bad"]
    for body in bodies:
        sqs.send_message(QueueUrl=queue_url, MessageBody=body)
        time.sleep(0.02)
    # Then none is handed over before the window has passed
    assert _batches(probe) == []
    # And then all of them together
    (first,) = wait_for(lambda: _batches(probe), "the batch")
    assert sorted(first) == sorted(bodies)
    # And the one that was refused comes again, by itself, until it is set aside
    refused_url = probe.outputs["RefusedQueueUrl"]
    assert wait_for(lambda: _messages(probe, refused_url), "the refused message") == ["bad"]
    assert sorted(map(len, _batches(probe))) in ([25], [1, 25])  # under one name when it comes first again


def test_the_local_sagemaker_may_publish_its_events_and_nobody_else_aws_ones(probe: Probe) -> None:
    events = probe.client("events")
    ours = {
        "Source": "aws.sagemaker",
        "DetailType": "SageMaker Model Package State Change",
        "Detail": json.dumps({"ModelApprovalStatus": "Approved"}),
    }
    assert events.put_events(Entries=[ours])["FailedEntryCount"] == 0
    assert _delivered(probe, "aws.sagemaker")["detail"]["ModelApprovalStatus"] == "Approved"
    assert events.put_events(Entries=[{**ours, "Source": "aws.ec2"}])["FailedEntryCount"] == 1


def test_a_parameter_holds_no_more_than_in_aws(probe: Probe) -> None:
    ssm = probe.client("ssm")
    ssm.put_parameter(Name="/size", Value="x" * 4096, Type="String")
    with pytest.raises(ClientError, match="maximum parameter value of 4096"):
        ssm.put_parameter(Name="/size", Value="x" * 4097, Type="String", Overwrite=True)


def test_a_rest_api_with_iam_answers_who_signs_and_refuses_who_does_not(probe: Probe) -> None:
    # Given a request to an API that wants IAM signatures
    url = probe.endpoints.api_url(probe.outputs["ProbeApiId"], "test") + "/hello"
    request = AWSRequest("POST", url, data=b'{"a": 1}')
    # When it is sent as it is, and once more with a signature
    unsigned = _send(request)
    SigV4Auth(probe.endpoints.credentials, "execute-api", REGION).add_auth(request)
    signed = _send(request)
    # Then only the signed one reaches the function
    assert unsigned.status_code == 403
    assert json.loads(signed.content) == {"path": "/hello", "body": '{"a": 1}'}


@pytest.mark.parametrize("key_id", ["test", "000000000000", AccessKey.random().key_id, "the cloud's own"])
def test_another_key_is_refused_everywhere(probe: Probe, key_id: str) -> None:
    # Given somebody else on this machine who invents a key, or knows the key id and invents the secret
    known = key_id == "the cloud's own"
    stranger = replace(probe.endpoints, key=AccessKey(probe.endpoints.key.key_id if known else key_id, "invented"))
    json_code, query_code, s3_code = (
        ("InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch")
        if known
        else ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId")
    )
    asked: tuple[tuple[Callable[[], Any], str], ...] = (
        (lambda: stranger.client("secretsmanager").list_secrets(), json_code),
        (lambda: stranger.client("s3").list_objects_v2(Bucket=probe.outputs["ProbeBucketName"]), s3_code),
        (lambda: stranger.client("lambda").list_functions(), json_code),
        (lambda: stranger.client("cloudformation").list_stacks(), query_code),
        (lambda: stranger.client("sts").get_caller_identity(), query_code),
    )
    # When they use any protocol, Then the request is refused with the code that AWS has for it
    for ask, code in asked:
        with pytest.raises(ClientError) as refused:
            ask()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert refused.value.response["Error"]["Code"] == code
    # And neither a signed call of the API nor a presigned URL reaches anything
    request = AWSRequest("POST", probe.endpoints.api_url(probe.outputs["ProbeApiId"], "test") + "/hello", data=b"{}")
    SigV4Auth(stranger.credentials, "execute-api", REGION).add_auth(request)
    assert _send(request).status_code == 403
    target = {"Bucket": probe.outputs["ProbeBucketName"], "Key": "any"}
    url = stranger.client("s3").generate_presigned_url("get_object", Params=target)
    assert _send(AWSRequest("GET", url)).status_code == 403


def test_objects_with_any_key_and_body_pass_the_check_of_the_signature(probe: Probe) -> None:
    # Given a body above the size that is hashed in a thread, and keys that must be encoded
    s3, bucket, body = probe.client("s3"), probe.outputs["ProbeBucketName"], os.urandom(3 << 20)
    presigning = boto3.client(
        "s3",
        endpoint_url=probe.endpoints.aws_url,
        region_name=REGION,
        aws_access_key_id=probe.endpoints.key.key_id,
        aws_secret_access_key=probe.endpoints.key.secret,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    for key in ("a b+c.csv", "täglich/ü.csv", "100%/50%25", "q?x=1&y=2#z", "~-_.()'!*"):
        # When it is written and read; Then it is what was written
        target = {"Bucket": bucket, "Key": f"signed/{key}"}
        s3.put_object(**target, Body=body)
        assert s3.get_object(**target)["Body"].read() == body
        # And it can be read by a presigned URL, but not once the URL was changed
        url = presigning.generate_presigned_url("get_object", Params=target, ExpiresIn=60)
        assert _send(AWSRequest("GET", url)).content == body
        assert _send(AWSRequest("GET", url.replace("Expires=60", "Expires=600"))).status_code == 403


@pytest.mark.parametrize("path", ["/", "/_ministack/reset", "/_ministack/config", "/_ministack/sqs/messages", "//"])
def test_without_a_key_only_the_health_is_told(probe: Probe, path: str) -> None:
    for method in ("GET", "POST"):
        assert _send(AWSRequest(method, probe.endpoints.aws_url + path)).status_code == 403
    assert _send(AWSRequest("GET", probe.endpoints.aws_url + "/_ministack/health")).status_code == 200


def test_the_key_is_the_owners_alone(probe: Probe) -> None:
    path = probe.emulator.home.access_key_file
    assert path.stat().st_mode & 0o777 == 0o600
    assert AccessKey.load(path) == probe.endpoints.key


def test_a_failing_custom_resource_fails_at_once_and_its_nested_stack_leaves_nothing(probe: Probe) -> None:
    # Given a nested stack with a bucket, and a custom resource whose function will raise
    bucket, name = "left-behind", "doomed"
    function = probe.client("lambda").get_function_configuration(FunctionName=probe.outputs["ProbeFunctionName"])
    child = {
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}},
            "Answer": {
                "Type": "Custom::Probe",
                "DependsOn": "Bucket",
                "Properties": {"ServiceToken": function["FunctionArn"], "Word": "fail"},
            },
        }
    }
    s3, cloudformation = probe.client("s3"), probe.client("cloudformation")
    s3.put_object(Bucket=probe.outputs["ProbeBucketName"], Key="child.json", Body=json.dumps(child))
    url = f"https://s3.amazonaws.com/{probe.outputs['ProbeBucketName']}/child.json"
    parent = {"Resources": {"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}}}
    # When the stack is created
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(parent))
    with pytest.raises(WaiterError):
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    # Then it fails with the function's reason, and the bucket is gone
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    ]
    assert any("FancyError: asked to fail while deploying" in reason for reason in reasons)
    assert bucket not in [item["Name"] for item in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("asked", [True, False], ids=["on demand", "by itself"])
def test_kill_9_loses_nothing_that_was_checkpointed(probe: Probe, asked: bool) -> None:
    # Given a parameter that was there at the last checkpoint
    value, saved = f"kept-{asked}", probe.emulator.home.emulator_state / "ssm.json"
    probe.client("ssm").put_parameter(Name="/kept", Value=value, Type="String", Overwrite=True)
    if asked:
        probe.emulator.checkpoint()
    wait_for(lambda: value in saved.read_text(), "the checkpoint")
    # When the emulator is killed and started again
    server = processes.leader(probe.emulator.home.root, "emulator")
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: not processes.is_alive(server.pid), "the emulator ends")
    probe.emulator.start()
    # Then the parameter and the stack are there, and its functions run
    assert probe.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == value
    assert probe.endpoints.stack_outputs(STACK) == probe.outputs
    assert probe.look()["greeting"] == "hello from the layer"


def test_kill_9_loses_no_parameter_and_hides_no_execution(probe: Probe) -> None:
    # Given an execution that waits, a rule that reports failures, and a parameter written a moment ago
    sfn, events, sqs = probe.client("stepfunctions"), probe.client("events"), probe.client("sqs")

    def machine_that_waits(name: str, seconds: int) -> str:
        states = {"Wait": {"Type": "Wait", "Seconds": seconds, "End": True}}
        arn: str = sfn.create_state_machine(
            name=name,
            roleArn="arn:aws:iam::000000000000:role/states",
            definition=json.dumps({"StartAt": "Wait", "States": states}),
        )["stateMachineArn"]
        return arn

    machine, deploys = machine_that_waits("waits", 600), machine_that_waits("DeployModelStateMachine-1", 3)
    queue = sqs.create_queue(QueueName="failures")["QueueUrl"]
    pattern = {"source": ["aws.states"], "detail": {"status": ["FAILED"]}}
    events.put_rule(Name="failures", EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": "arn:aws:sqs:us-east-1:000000000000:failures"}
    events.put_targets(Rule="failures", Targets=[target])
    probe.emulator.checkpoint()
    execution = sfn.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    deployment = sfn.start_execution(stateMachineArn=deploys, name="v2", input="{}")["executionArn"]
    probe.client("ssm").put_parameter(Name="/pointer", Value="2", Type="String", Overwrite=True)
    # When the emulator is killed at once and started again
    server = processes.leader(probe.emulator.home.root, "emulator")
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: not processes.is_alive(server.pid), "the emulator ends")
    probe.emulator.start()
    # Then the parameter is there, and the execution has failed with an event in its history and on the bus
    assert probe.client("ssm").get_parameter(Name="/pointer")["Parameter"]["Value"] == "2"
    described = sfn.describe_execution(executionArn=execution)
    assert (described["status"], described["error"]) == ("FAILED", INTERRUPTED)
    history = sfn.get_execution_history(executionArn=execution)["events"]
    assert [event["type"] for event in history][-1] == "ExecutionFailed"
    body = wait_for(
        lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"), "the event of the failure"
    )[0]["Body"]
    assert json.loads(body)["detail"]["executionArn"] == execution
    assert not sfn.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    # And the deployment, which was cut off as well, went on under its name to its end
    ended = wait_for(
        lambda: sfn.describe_execution(executionArn=deployment)["status"] != "RUNNING", "the deployment is over"
    )
    assert ended
    assert sfn.describe_execution(executionArn=deployment)["status"] == "SUCCEEDED"


def test_a_clean_stop_keeps_everything_and_removes_temporary_files(probe: Probe) -> None:
    # Given an object
    s3 = probe.client("s3")
    s3.put_object(Bucket=probe.outputs["ProbeBucketName"], Key="kept.txt", Body=b"kept")
    # When the emulator is stopped
    probe.emulator.stop()
    # Then no process and no temporary file is left, and after a start the object is there
    assert processes.find(probe.emulator.home.root) == []
    assert not probe.emulator.home.temporary("emulator").exists()
    probe.emulator.start()
    assert s3.get_object(Bucket=probe.outputs["ProbeBucketName"], Key="kept.txt")["Body"].read() == b"kept"


def test_clients_ignore_the_callers_profile(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a caller whose profile doesn't even exist, and a proxy that leads nowhere
    monkeypatch.setenv("AWS_PROFILE", "missing")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    # When a fresh client is made, then it works
    endpoints = replace(probe.endpoints, region="eu-central-1")
    assert endpoints.client("sts").get_caller_identity()["Account"] == "000000000000"


def _send(request: AWSRequest) -> Any:
    session = URLLib3Session(timeout=10)
    try:
        return session.send(request.prepare())
    finally:
        session.close()


def _physical(probe: Probe, logical_id: str) -> str:
    return next(
        str(item["PhysicalResourceId"]) for item in _resources(probe) if item["LogicalResourceId"] == logical_id
    )


def _resources(probe: Probe) -> list[dict[str, Any]]:
    cloudformation = probe.client("cloudformation")
    nested = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="Probes")
    name = nested["StackResourceDetail"]["PhysicalResourceId"]
    return list(cloudformation.describe_stack_resources(StackName=name)["StackResources"])


def _batches(probe: Probe) -> list[list[str]]:
    pages = probe.client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/probe/batch")
    return [json.loads(each["Value"]) for page in pages for each in page["Parameters"]]


def _messages(probe: Probe, queue_url: str) -> list[str]:
    received = probe.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in received.get("Messages", [])]


def _log(probe: Probe, function: str) -> str:
    events = probe.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    return "\n".join(event["message"] for event in events)


def _delivered(probe: Probe, source: str) -> dict[str, Any]:
    """The event that the probe wrote down when a rule gave it to it."""
    ssm = probe.client("ssm")

    def read() -> dict[str, Any] | None:
        try:
            event = json.loads(ssm.get_parameter(Name=f"/probe/{source}")["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            return None
        assert isinstance(event, dict)
        return event

    return wait_for(read, f"the event of {source}")


def _ended(states: Any, execution: str) -> dict[str, Any]:
    """The execution as described once it has ended."""

    def described() -> dict[str, Any] | None:
        answer: dict[str, Any] = states.describe_execution(executionArn=execution)
        return answer if answer["status"] != "RUNNING" else None

    return wait_for(described, "the execution ends")
