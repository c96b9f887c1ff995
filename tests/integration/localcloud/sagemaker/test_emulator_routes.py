"""Step Functions, CloudFormation and EventBridge of the emulator, with the local SageMaker behind them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from localcloud import ports
from localcloud.access_key import AccessKey
from localcloud.home import Home
from localcloud.services import Addresses, Emulator, LocalSageMaker
from localcloud.toolchain import Toolchain
from tests.integration.localcloud.sagemaker.harness import BUCKET, DOUBLER, IMAGE, ROLE, archive, client
from tests.waiting import wait_for

SLEEPER = "import time; time.sleep(600)"


@dataclass(frozen=True)
class Pair:
    """The emulator and the local SageMaker."""

    addresses: Addresses
    key: AccessKey

    def client(self, service: str) -> Any:
        """A client for either."""
        url = self.addresses.sagemaker_url if service.startswith("sagemaker") else self.addresses.aws_url
        return client(service, url, self.key)

    def put(self, key: str, files: dict[str, str]) -> str:
        """A tar.gz in S3; its address."""
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=archive(files))
        return f"s3://{BUCKET}/{key}"

    def start(self, name: str, states: dict[str, Any]) -> str:
        """Start a state machine of those states (the first is where it begins); the execution's ARN."""
        sfn = self.client("stepfunctions")
        machine = sfn.create_state_machine(
            name=name,
            roleArn=ROLE,
            definition=json.dumps({"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}),
        )["stateMachineArn"]
        arn: str = sfn.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
        return arn

    def ended(self, execution: str) -> dict[str, Any]:
        """The execution once it is over."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.client("stepfunctions").describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        return wait_for(look, "the execution is over")

    def run(self, name: str, states: dict[str, Any]) -> dict[str, Any]:
        """Start and wait."""
        return self.ended(self.start(name, states))

    def training_status(self, name: str) -> str:
        """Status of a training job."""
        status: str = self.client("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"]
        return status

    def train_state(self, name: str, script: str, **more: Any) -> dict[str, Any]:
        """A state that trains with `script` and waits for it."""
        sources = self.put(f"code/{name}.tar.gz", {"train.py": script})
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
            "Arguments": {
                "TrainingJobName": name,
                "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
                "RoleArn": ROLE,
                "HyperParameters": {"sagemaker_program": "train.py", "sagemaker_submit_directory": sources},
                "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/jobs"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
                "StoppingCondition": {"MaxRuntimeInSeconds": "{% 30 * 2.0 %}"},
            },
            "TimeoutSeconds": 60,
            "End": True,
            **more,
        }


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    home = Home(tmp_path_factory.mktemp("cloud"))
    home.create()
    addresses = Addresses(ports.choose(), ports.choose())
    services = (Emulator(home, Toolchain(), addresses), LocalSageMaker(home, Toolchain(), addresses))
    try:
        for service in services:
            service.start()
        pair = Pair(addresses, services[0].key)
        pair.client("s3").create_bucket(Bucket=BUCKET)
        yield pair
    finally:
        for service in reversed(services):
            service.stop()


def test_sync_task_gives_the_jobs_description(pair: Pair, name: str) -> None:
    # When a state machine trains and waits
    ended = pair.run(name, {"Train": pair.train_state(name, "")})
    # Then its output is the job's description, with times in milliseconds
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    output = json.loads(ended["output"])
    assert output["TrainingJobStatus"] == "Completed"
    assert output["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/jobs/{name}/output/model.tar.gz"
    assert output["CreationTime"] > 1_600_000_000_000


def test_failed_job_fails_the_task_with_its_description(pair: Pair, name: str) -> None:
    # When the job of a state fails
    ended = pair.run(name, {"Train": pair.train_state(name, "raise ValueError('no rows')")})
    # Then the task has failed, and its cause holds the reason
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    assert "no rows" in json.loads(ended["cause"])["FailureReason"]


def test_errors_have_the_names_of_step_functions(pair: Pair, name: str) -> None:
    # Given a job that exists
    pair.run(name, {"Train": pair.train_state(name, "")})
    # When a second one has its name
    ended = pair.run(f"{name}-2", {"Train": pair.train_state(name, "")})
    assert ended["error"] == "SageMaker.ResourceInUseException"
    # And when something is asked that AWS calls a ValidationException, both integrations have their own name for it
    create = pair.train_state(f"{name}-bad", "")
    create["Arguments"]["ResourceConfig"]["InstanceType"] = "a-laptop"
    ended = pair.run(f"{name}-3", {"Train": create})
    assert ended["error"] == "SageMaker.AmazonSageMakerException"
    assert "Error Code: ValidationException" in ended["cause"]
    describe = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:describeEndpoint",
        "Arguments": {"EndpointName": "nobody"},
        "End": True,
    }
    ended = pair.run(f"{name}-4", {"Describe": describe})
    assert ended["error"] == "SageMaker.SageMakerException"
    invoke = describe | {
        "Resource": "arn:aws:states:::aws-sdk:sagemakerruntime:invokeEndpoint",
        "Arguments": {"EndpointName": "nobody", "Body": {"x": 1}},
    }
    ended = pair.run(f"{name}-5", {"Invoke": invoke})
    assert ended["error"] == "SageMakerRuntime.ValidationErrorException"


def test_timeout_of_the_task_stops_the_job(pair: Pair, name: str) -> None:
    # When a job runs longer than its task may
    ended = pair.run(name, {"Train": pair.train_state(name, SLEEPER, TimeoutSeconds=1)})
    # Then the task times out and the job is stopped
    assert ended["error"] == "States.Timeout"
    wait_for(lambda: pair.training_status(name) == "Stopped", "the job is stopped")


def test_stopped_execution_stops_the_job(pair: Pair, name: str) -> None:
    # Given an execution that waits for a job
    execution = pair.start(name, {"Train": pair.train_state(name, SLEEPER)})
    jobs = pair.client("sagemaker")
    wait_for(lambda: jobs.list_training_jobs(NameContains=name)["TrainingJobSummaries"] or None, "the job exists")
    # When the execution is stopped
    pair.client("stepfunctions").stop_execution(executionArn=execution)
    # Then the job is, too, and the execution stays ABORTED
    wait_for(lambda: pair.training_status(name) == "Stopped", "the job is stopped")
    assert pair.ended(execution)["status"] == "ABORTED"


def test_approval_reaches_a_rule(pair: Pair, name: str) -> None:
    # Given a rule for approvals, and a version in the registry
    sqs, events, sagemaker = (pair.client(service) for service in ("sqs", "events", "sagemaker"))
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [name], "ModelApprovalStatus": ["Approved"]},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue_arn}])
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    arn = sagemaker.create_model_package(ModelPackageGroupName=name)["ModelPackageArn"]
    # When it is approved
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    # Then the rule's target has the event
    messages = wait_for(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), "the event has arrived")
    detail = json.loads(messages[0]["Body"])["detail"]
    assert (detail["ModelPackageArn"], detail["ModelPackageVersion"]) == (arn, 1)


def test_stack_with_a_group_and_an_endpoint(pair: Pair, name: str) -> None:
    # Given a template with a package group, and a model that is served
    url = pair.put(
        f"models/{name}.tar.gz",
        {
            "bundle.json": '{"sha256": "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35"}',
            "factor": "2",
            "code/inference.py": DOUBLER,
        },
    )
    template = {
        "Resources": {
            "Group": {
                "Type": "AWS::SageMaker::ModelPackageGroup",
                "Properties": {"ModelPackageGroupName": name, "Tags": [{"Key": "App", "Value": "x"}]},
            },
            "Model": {
                "Type": "AWS::SageMaker::Model",
                "Properties": {
                    "ModelName": name,
                    "ExecutionRoleArn": ROLE,
                    "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": url},
                },
            },
            "Config": {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {
                    "EndpointConfigName": name,
                    "ProductionVariants": [
                        {
                            "VariantName": "AllTraffic",
                            "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                            "ServerlessConfig": {"MemorySizeInMB": "2048", "MaxConcurrency": "5"},
                        }
                    ],
                },
            },
            "Endpoint": {
                "Type": "AWS::SageMaker::Endpoint",
                "Properties": {
                    "EndpointName": name,
                    "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                },
            },
        },
        "Outputs": {"Group": {"Value": {"Ref": "Group"}}, "Endpoint": {"Value": {"Ref": "Endpoint"}}},
    }
    # When it is deployed
    cloudformation = pair.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stack = wait_for(lambda: _settled(cloudformation, name), "the stack has settled")
    # Then a Ref gives an ARN, the tags are there, and the endpoint answers
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}
    sagemaker = pair.client("sagemaker")
    group = sagemaker.describe_model_package_group(ModelPackageGroupName=name)
    assert outputs["Group"] == group["ModelPackageGroupArn"]
    assert outputs["Endpoint"].endswith(f":endpoint/{name}")
    assert sagemaker.list_tags(ResourceArn=outputs["Group"])["Tags"] == [{"Key": "App", "Value": "x"}]
    answer = pair.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="application/json", Body=b'{"x": 21}'
    )
    assert json.loads(answer["Body"].read())["y"] == 42
    # And a state machine can ask it
    invoke = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemakerruntime:invokeEndpoint",
        "Arguments": {"EndpointName": name, "ContentType": "application/json", "Body": {"x": 4}},
        "End": True,
    }
    ended = pair.run(name, {"Invoke": invoke})
    assert json.loads(json.loads(ended["output"])["Body"])["y"] == 8
    # When the stack is deleted, then all of it is gone
    cloudformation.delete_stack(StackName=name)
    wait_for(lambda: not sagemaker.list_endpoints(NameContains=name)["Endpoints"], "the endpoint is gone")
    wait_for(
        lambda: not sagemaker.list_model_package_groups(NameContains=name)["ModelPackageGroupSummaryList"],
        "the group is gone",
    )


def _settled(cloudformation: Any, name: str) -> dict[str, Any] | None:
    stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack
