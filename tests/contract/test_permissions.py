"""A role allows what its holder does, and nothing else: policies beside the calls in the code."""

import json
from fnmatch import fnmatch
from functools import cache
from importlib.resources import files

import pytest
from botocore import xform_name
from botocore.session import get_session

from bellwether.models.domain.bundle import served_key
from tests.contract.aws_calls import Call, calls_of
from tests.contract.stacks import STACKS, Function, Machine, Stack, Statement, functions, machines, referred, stack

SERVICE_PREFIX = {"sagemaker-runtime": "sagemaker", "stepfunctions": "states"}
OTHER_NAMES = {  # operations that IAM knows by other names; an object that is missing is told only to who may list
    "s3:CopyObject": {"s3:GetObject", "s3:PutObject", "s3:ListBucket"},
    "s3:GetObject": {"s3:GetObject", "s3:ListBucket"},
    "s3:HeadObject": {"s3:GetObject", "s3:ListBucket"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "sagemaker:CreateModel": {"sagemaker:CreateModel", "sagemaker:DescribeModelPackage"},
}
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACE = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
TAKE_MESSAGES = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
JOIN_NETWORK = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
PROCESS_TRACE = TRACE | {"xray:GetSamplingRules", "xray:GetSamplingTargets"}
DELIVER_LOGS = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}
NAMELESS = {
    "ManageNetworkInterfaces",  # Lambda creates interfaces in all subnets; AWS checks this with "*"
    "ReportMetrics",  # a namespace is a condition, not a resource
}
JOB = {"sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"}
QUERY = {  # Athena reads the catalog and the files, and writes the result, in the name of who asks
    "athena:GetQueryExecution",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
    "glue:GetDatabase",
    "glue:GetTable",
    "s3:AbortMultipartUpload",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
}
HEAR_OF_JOBS = {"events:DescribeRule", "events:PutRule", "events:PutTargets"}


# --- functions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", functions(), ids=str)
def test_function_may_do_what_its_code_does_and_no_more(function: Function) -> None:
    # Given the operations that its code can ask for, and what Lambda itself does in its name
    needed = {action for call in calls_of(function.module) for action in _actions(call)} | LOG
    needed |= TRACE if function.setting("Tracing") == "Active" else set()
    needed |= JOIN_NETWORK if function.setting("VpcConfig") else set()
    needed |= {"sqs:SendMessage"} if "EventInvokeConfig" in function.properties else set()
    needed |= TAKE_MESSAGES if "SQS" in function.event_types else set()
    # Then its role allows exactly these
    assert function.actions - needed == set(), "allowed, but never asked for"
    assert needed - function.actions == set(), "asked for, but not allowed"


def test_each_function_has_a_role_of_its_own() -> None:
    roles = [(function.stack.name, function.role) for function in functions()]
    assert len(set(roles)) == len(roles)
    assert {role for _, role in roles} == {f"{function.name}Role" for function in functions()}


def test_calls_are_found_at_all() -> None:
    # Given a function known to read, write and ask; Then the derivation sees it
    found = {(call.service, call.method) for call in calls_of("functions.models.verify_bundle.app")}
    assert found >= {("s3", "get_object"), ("sagemaker", "describe_endpoint"), ("ssm", "get_parameter")}


# --- state machines --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", machines(), ids=str)
def test_state_machine_may_do_what_its_states_do_and_no_more(machine: Machine) -> None:
    needed = PROCESS_TRACE | DELIVER_LOGS
    for task in machine.tasks.values():
        needed = needed | _actions_of_task(task)
    allowed = {action for statement in machine.statements for action in statement.actions}
    assert allowed - needed == set(), "allowed, but never asked for"
    assert needed - allowed == set(), "asked for, but not allowed"


@pytest.mark.parametrize("machine", machines(), ids=str)
def test_state_machine_calls_the_functions_that_it_may_call(machine: Machine) -> None:
    called = {
        referred(machine.substitutions[task["Resource"][2:-1]])
        for task in machine.tasks.values()
        if task["Resource"].startswith("${")
    }
    allowed = {
        referred(resource)
        for statement in machine.statements
        if "lambda:InvokeFunction" in statement.actions
        for resource in statement.resources
    }
    assert called == allowed


def _actions_of_task(task: dict[str, object]) -> set[str]:
    resource, arguments = str(task["Resource"]), task["Arguments"]
    if resource.startswith("${"):
        return {"lambda:InvokeFunction"}
    service, operation = resource.split(":::")[1].removeprefix("aws-sdk:").split(":")
    if (service, operation) == ("athena", "startQueryExecution.sync"):
        return QUERY
    if operation.endswith("Job.sync"):
        assert isinstance(arguments, dict)
        job = operation.removeprefix("create").removesuffix(".sync")
        needed = HEAR_OF_JOBS | {f"sagemaker:{verb}{job}" for verb in ("Create", "Describe", "Stop")}
        needed |= {"iam:PassRole"} if "RoleArn" in arguments else set()
        return needed | ({"sagemaker:AddTags"} if "Tags" in arguments else set())
    return {f"{service}:{operation[0].upper()}{operation[1:]}"}


# --- every policy ----------------------------------------------------------------------------------------------------


def _every_statement() -> list[tuple[str, Stack, Statement]]:
    return [
        (f"{each.name}.{role}.{statement.sid}", each, statement)
        for each in map(stack, STACKS)
        for role in each.of_type("AWS::IAM::Role")
        for statement in each.statements(role)
    ]


@pytest.mark.parametrize("statement", [pytest.param(statement, id=name) for name, _, statement in _every_statement()])
def test_everything_that_has_a_name_is_named(statement: Statement) -> None:
    # Given the actions of a statement; Then none of them is a pattern
    assert not [action for action in statement.actions if "*" in action]
    # And "all resources" is said only of actions for which IAM knows no resources
    if "*" in statement.resources:
        named = {each for each in statement.actions if _resource_types(each)}
        assert statement.sid in NAMELESS or not named


@pytest.mark.parametrize("statement", [pytest.param(statement, id=name) for name, _, statement in _every_statement()])
def test_actions_exist(statement: Statement) -> None:
    for action in statement.actions:
        service, name = action.split(":")
        assert name.lower() in _authorization_reference()[service]["Actions"], action


@pytest.mark.parametrize(
    "statement",
    [pytest.param(s, id=name) for name, _, s in _every_statement() if "iam:PassRole" in s.actions],
)
def test_roles_are_passed_to_sagemaker_only(statement: Statement) -> None:
    assert statement.actions == {"iam:PassRole"}
    assert statement.condition == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_data_bucket_refuses_plain_http_and_the_public() -> None:
    foundation = stack("foundation")
    (policy,) = foundation.of_type("AWS::S3::BucketPolicy").values()
    statement, *_ = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (bucket,) = foundation.of_type("AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_served_bundles_are_written_once_and_stay() -> None:
    # Given what the data bucket's policy denies everybody
    (policy,) = stack("foundation").of_type("AWS::S3::BucketPolicy").values()
    denied = {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"}
    keep, once = denied["KeepServedBundles"], denied["WriteServedBundlesOnce"]
    # Then the copies that versions are served from can neither be deleted nor overwritten
    assert (keep["Principal"], once["Principal"]) == ("*", "*")
    assert set(keep["Action"]) == {"s3:DeleteObject", "s3:DeleteObjectVersion"}
    assert once["Action"] == "s3:PutObject"
    assert once["Condition"]["Null"] == {"s3:if-none-match": "true"}
    for statement in (keep, once):
        _, _, pattern = str(statement["Resource"]).partition(".Arn}/")
        assert fnmatch(served_key("macro", "0" * 64), pattern.rstrip("'}"))


def test_endpoints_load_served_bundles_only() -> None:
    (role,) = (role for name, role in stack("models").of_type("AWS::IAM::Role").items() if name == "EndpointRole")
    (read,) = (each for each in role["Policies"][0]["PolicyDocument"]["Statement"] if each["Sid"] == "ReadBundle")
    assert str(read["Resource"]).endswith("/models/*/bundles/*/model.tar.gz'}")


def _actions(call: Call) -> set[str]:
    """IAM's names for an operation and for what its parameters imply."""
    operation = _client_operations(call.service)[call.method]
    action = f"{SERVICE_PREFIX.get(call.service, call.service)}:{operation}"
    actions = set(OTHER_NAMES.get(action, {action}))
    if call.service == "sagemaker" and "Tags" in call.parameters:
        actions.add("sagemaker:AddTags")
    if "ExecutionRoleArn" in call.parameters:
        actions.add("iam:PassRole")
    return actions


@cache
def _client_operations(service: str) -> dict[str, str]:
    """boto3's method → the API's operation."""
    return {xform_name(name): name for name in get_session().get_service_model(service).operation_names}


@cache
def _authorization_reference() -> dict[str, dict[str, dict[str, dict[str, list[str]]]]]:
    """AWS's service authorization reference, as cfn-lint carries it."""
    text = files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text()
    reference: dict[str, dict[str, dict[str, dict[str, list[str]]]]] = json.loads(text)
    return reference


def _resource_types(action: str) -> list[str]:
    service, name = action.split(":")
    return _authorization_reference()[service]["Actions"][name.lower()].get("Resources", [])
