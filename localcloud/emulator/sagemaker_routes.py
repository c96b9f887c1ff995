"""The way from the emulator to the local SageMaker: Step Functions tasks and CloudFormation resources.

Runs inside ministack's process: nothing but ministack, boto3 and Python's own library.

What Step Functions calls errors (from execution histories and state machines published by others; AWS has no list):
- Optimized integration, `arn:aws:states:::sagemaker:…`, is made with the first Java SDK. Its class names are the error
  names: `SageMaker.ResourceInUseException`, `SageMaker.ResourceLimitExceededException`,
  `SageMaker.ResourceNotFoundException`, `SageMaker.ConflictException` for the errors that the API's model knows, and
  `SageMaker.AmazonSageMakerException` for every other (ValidationException, ThrottlingException).
- `arn:aws:states:::aws-sdk:sagemaker:…` is made with the second: the same four, and `SageMaker.SageMakerException` for
  every other. `aws-sdk:sagemakerruntime:…` has `SageMakerRuntime.ModelErrorException`,
  `SageMakerRuntime.ValidationErrorException` and so on, and `SageMakerRuntime.SageMakerRuntimeException`.
- A `.sync` job that ends as Failed or Stopped is `States.TaskFailed` with the job's description as Cause.
Times are milliseconds in an optimized integration's result, ISO 8601 in an SDK integration's.
A `.sync` job is stopped when its execution is stopped or its task times out.
"""

import contextvars
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.model import OperationNotFoundError
from ministack.services import stepfunctions
from ministack.services.cloudformation import provisioners, stacks

from localcloud.emulator.patching import PatchTargetMovedError, replace, require

logger = logging.getLogger(__name__)

type Json = dict[str, Any]

_POLL_SECONDS = 0.25
_ENDPOINT_SECONDS = 300.0
_OPTIMIZED = "arn:aws:states:::sagemaker:"
_SDK = "arn:aws:states:::aws-sdk:sagemaker:"
_SDK_RUNTIME = "arn:aws:states:::aws-sdk:sagemakerruntime:"
_OPTIMIZED_ACTIONS = {
    "createEndpoint",
    "createEndpointConfig",
    "createModel",
    "createProcessingJob",
    "createTrainingJob",
    "createTransformJob",
    "updateEndpoint",
}
_JOBS = {"createProcessingJob": "Processing", "createTrainingJob": "Training", "createTransformJob": "Transform"}


def install(sagemaker_url: str) -> None:
    """Route SageMaker to `sagemaker_url`. Raises PatchTargetMovedError when ministack is not as expected."""
    session = boto3.session.Session(region_name="us-east-1")  # the key is in the environment
    config = Config(retries={"max_attempts": 2, "mode": "standard"}, read_timeout=70)
    sagemaker: Any = session.client("sagemaker", endpoint_url=sagemaker_url, config=config)
    runtime: Any = session.client("sagemaker-runtime", endpoint_url=sagemaker_url, config=config)
    _route_tasks(sagemaker, runtime)
    _route_resources(sagemaker)


# --- Step Functions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Attempt:
    """One attempt of a task: whose execution it is, and whether the task timed out in the meantime."""

    execution: Json
    timed_out: threading.Event = field(default_factory=threading.Event)

    @property
    def aborted(self) -> bool:
        return bool(self.execution.get("status", "RUNNING") != "RUNNING")


_attempt: contextvars.ContextVar[_Attempt | None] = contextvars.ContextVar("sagemaker_attempt", default=None)


def _route_tasks(sagemaker: Any, runtime: Any) -> None:
    dispatch = require(stepfunctions, "_SERVICE_DISPATCH")
    require(stepfunctions, "_invoke_resource", ("resource", "input_data"))
    require(stepfunctions, "_ExecutionError", ("error", "cause"))
    require(stepfunctions, "_sdk_json_param_value", ("value", "shape"))
    require(stepfunctions, "_sdk_json_value", ("value", "shape"))
    if not isinstance(dispatch, dict):
        raise PatchTargetMovedError("stepfunctions._SERVICE_DISPATCH is no longer a mapping")
    replace(stepfunctions, "_execute_task", ("state_def", "raw_input", "execution", "ctx"), _remembering_execution)
    replace(stepfunctions, "_invoke_resource_with_timeout", ("resource", "input_data", "timeout"), _remembering_timeout)
    dispatch[_OPTIMIZED] = lambda resource, data: _optimized(sagemaker, resource, data)
    dispatch[_SDK] = lambda resource, data: _sdk(sagemaker, resource.removeprefix(_SDK), data, "SageMaker")
    dispatch[_SDK_RUNTIME] = lambda resource, data: _sdk(
        runtime, resource.removeprefix(_SDK_RUNTIME), data, "SageMakerRuntime"
    )


def _remembering_execution(execute_task: Any) -> Any:
    def execute(state_def: Json, raw_input: Any, execution: Json, ctx: Json) -> Any:
        token = _attempt.set(_Attempt(execution) if isinstance(execution, dict) else None)
        try:
            return execute_task(state_def, raw_input, execution, ctx)
        finally:
            _attempt.reset(token)

    return execute


def _remembering_timeout(invoke: Any) -> Any:
    def invoke_with_timeout(resource: str, input_data: Any, timeout: float) -> Any:
        before = _attempt.get()
        attempt = _Attempt({} if before is None else before.execution)
        token = _attempt.set(attempt)  # the original copies the context into its thread
        try:
            return invoke(resource, input_data, timeout)
        except stepfunctions._ExecutionError as error:
            if error.error == "States.Timeout":
                attempt.timed_out.set()
            raise
        finally:
            _attempt.reset(token)

    return invoke_with_timeout


def _optimized(sagemaker: Any, resource: str, data: Json) -> Json:
    action, _, pattern = resource.removeprefix(_OPTIMIZED).partition(".")
    if action not in _OPTIMIZED_ACTIONS or pattern not in {"", "sync"} or (pattern and action not in _JOBS):
        raise stepfunctions._ExecutionError("States.Runtime", f"The resource provided {resource} is not recognized.")
    answer, metadata = _call(sagemaker, action, data, _optimized_error)
    if not pattern:
        http = {"HttpStatusCode": metadata.get("HTTPStatusCode", 200)}
        return {
            "SdkHttpMetadata": http,
            "SdkResponseMetadata": {"RequestId": metadata.get("RequestId", "")},
            **_plain(answer, _milliseconds),
        }
    return _wait_for_job(sagemaker, _JOBS[action], data)


def _wait_for_job(sagemaker: Any, title: str, data: Json) -> Json:
    name = {f"{title}JobName": data[f"{title}JobName"]}
    attempt = _attempt.get()
    stopped = False
    while True:
        job, _ = _call(sagemaker, f"describe{title}Job", name, _optimized_error)
        status = job[f"{title}JobStatus"]
        if status in {"Completed", "Failed", "Stopped"}:
            break
        if attempt is not None and not stopped and (attempt.aborted or attempt.timed_out.is_set()):
            stopped = True
            _stop_job(sagemaker, title, name)
            if attempt.aborted:
                break  # nobody waits for this result; the execution keeps its status ABORTED
        time.sleep(_POLL_SECONDS)
    description: Json = _plain(job, _milliseconds)
    if status != "Completed" and not (attempt is not None and attempt.aborted):
        raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(description))
    return description


def _stop_job(sagemaker: Any, title: str, name: Json) -> None:
    try:
        getattr(sagemaker, f"stop_{title.lower()}_job")(**name)
    except ClientError as error:  # it may have ended by itself in between
        logger.info("job not stopped: %s", error)


def _sdk(client: Any, action: str, data: Json, service: str) -> Json:
    operation = _operation(client, action)
    parameters = stepfunctions._sdk_json_param_value(data or {}, operation.input_shape)
    if service == "SageMakerRuntime" and not isinstance(parameters.get("Body", ""), str | bytes):
        parameters["Body"] = json.dumps(parameters["Body"])
    answer, _ = _call(client, action, parameters, lambda error: _sdk_error(error, service))
    if service == "SageMakerRuntime" and "Body" in answer:
        answer["Body"] = answer["Body"].read().decode()
    plain = _plain(answer, _iso)
    shape = operation.output_shape
    return plain if shape is None else {**stepfunctions._sdk_json_value(plain, shape)}


def _call(client: Any, action: str, data: Json, name_error: Callable[[ClientError], Any]) -> tuple[Json, Json]:
    try:
        answer: Json = getattr(client, xform_name(action))(
            **_whole_numbers(data, _operation(client, action).input_shape)
        )
    except ClientError as error:
        raise name_error(error) from error
    except (ParamValidationError, TypeError) as error:
        raise stepfunctions._ExecutionError(
            "States.Runtime", f"The Parameters '{json.dumps(data, default=str)}' could not be used: {error}"
        ) from error
    except BotoCoreError as error:
        raise stepfunctions._ExecutionError("SageMaker.SdkClientException", str(error)) from error
    metadata = answer.pop("ResponseMetadata", {})
    return answer, metadata


def _operation(client: Any, action: str) -> Any:
    try:
        return client.meta.service_model.operation_model(action[0].upper() + action[1:])
    except OperationNotFoundError as error:
        raise stepfunctions._ExecutionError("States.Runtime", f"Unknown SageMaker action: {action}") from error


def _modelled(error: ClientError) -> str | None:
    """Class name of an error that the API's model knows, without the prefix."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    known = {
        "ConflictException",
        "InternalDependencyException",
        "InternalFailure",
        "ModelError",
        "ModelNotReadyException",
        "ResourceInUse",
        "ResourceLimitExceeded",
        "ResourceNotFound",
        "ServiceUnavailable",
        "ValidationError",
    }
    return (code if code.endswith("Exception") else f"{code}Exception") if code in known else None


def _optimized_error(error: ClientError) -> Any:
    details = error.response["Error"]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return stepfunctions._ExecutionError(
        f"SageMaker.{_modelled(error) or 'AmazonSageMakerException'}",
        f"{details.get('Message')} (Service: AmazonSageMaker; Status Code: {status}; "
        f"Error Code: {details.get('Code')}; Request ID: {_request_id(error)}; Proxy: null)",
    )


def _sdk_error(error: ClientError, service: str) -> Any:
    details = error.response["Error"]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return stepfunctions._ExecutionError(
        f"{service}.{_modelled(error) or f'{service}Exception'}",
        f"{details.get('Message')} (Service: {service}, Status Code: {status}, Request ID: {_request_id(error)})",
    )


def _request_id(error: ClientError) -> str:
    return str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _whole_numbers(value: Any, shape: Any) -> Any:
    """JSONata computes 3600.0 where the API wants 3600."""
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            return {
                key: _whole_numbers(item, shape.members[key]) if key in shape.members else item
                for key, item in value.items()
            }
        case "list" if isinstance(value, list):
            return [_whole_numbers(item, shape.member) for item in value]
        case "integer" | "long" if isinstance(value, float) and value.is_integer():
            return int(value)
        case _:
            return value


def _plain(value: Any, convert: Callable[[datetime], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item, convert) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, convert) for item in value]
    return convert(value) if isinstance(value, datetime) else value


# --- CloudFormation ---------------------------------------------------------------------------------------------------


def _route_resources(sagemaker: Any) -> None:
    handlers = require(provisioners, "_RESOURCE_HANDLERS")
    require(provisioners, "_provision_resource", ("resource_type", "logical_id", "props", "stack_name"))
    handlers["AWS::SageMaker::ModelPackageGroup"] = _handler(_Groups(sagemaker))
    for kind in ("Model", "EndpointConfig"):
        handlers[f"AWS::SageMaker::{kind}"] = _handler(_Resource(sagemaker, kind))
    handlers["AWS::SageMaker::Endpoint"] = _handler(_Endpoints(sagemaker))
    # SageMaker asks our S3 while we wait for it: the event loop must stay free
    replace(stacks, "_runs_on_worker_thread", ("resource_type",), _sagemaker_on_worker_thread)


def _sagemaker_on_worker_thread(runs_on_worker_thread: Any) -> Any:
    def decide(resource_type: str) -> bool:
        return resource_type.startswith("AWS::SageMaker::") or runs_on_worker_thread(resource_type)

    return decide


class _Resource:
    """A resource that is created and deleted by its name, and replaced when it changes. Its Ref is its ARN."""

    def __init__(self, sagemaker: Any, kind: str) -> None:
        self.sagemaker = sagemaker
        self.kind = kind

    def create(self, logical_id: str, props: Json, stack_name: str) -> tuple[str, Json]:
        """Create under the name in the template or a made-up one."""
        name = props.get(f"{self.kind}Name") or f"{logical_id}-{stack_name}"[:63].strip("-")
        answer = self._do("create", {**props, f"{self.kind}Name": name})
        arn = answer[f"{self.kind}Arn"]
        return arn, {f"{self.kind}Name": name, f"{self.kind}Arn": arn}

    def update(self, physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        """Replace: nothing about these can be changed in place."""
        name = _name_in(physical_id)
        self.delete(physical_id, old)
        return self.create(name, {**new, f"{self.kind}Name": new.get(f"{self.kind}Name") or name}, stack_name)

    def delete(self, physical_id: str, props: Json) -> None:
        """Delete; what is gone already is no error."""
        name = props.get(f"{self.kind}Name") or _name_in(physical_id)
        try:
            self._do("delete", {f"{self.kind}Name": name})
        except ClientError as error:
            if not _says(error, "Could not find", "does not exist"):
                raise

    def _do(self, verb: str, props: Json) -> Json:
        shape = self.sagemaker.meta.service_model.operation_model(f"{verb.capitalize()}{self.kind}").input_shape
        answer: Json = getattr(self.sagemaker, xform_name(f"{verb}{self.kind}"))(**_typed(props, shape))
        return answer


class _Groups(_Resource):
    """AWS::SageMaker::ModelPackageGroup: keeps its versions through updates."""

    def __init__(self, sagemaker: Any) -> None:
        super().__init__(sagemaker, "ModelPackageGroup")

    def create(self, logical_id: str, props: Json, stack_name: str) -> tuple[str, Json]:
        """Create, or adopt: when the emulator has lost its state the registry still has its own."""
        try:
            return super().create(logical_id, props, stack_name)
        except ClientError as error:
            if not _says(error, "already exists"):
                raise
        group = self.sagemaker.describe_model_package_group(ModelPackageGroupName=props["ModelPackageGroupName"])
        return group["ModelPackageGroupArn"], {
            "ModelPackageGroupArn": group["ModelPackageGroupArn"],
            "ModelPackageGroupName": group["ModelPackageGroupName"],
            "ModelPackageGroupStatus": group["ModelPackageGroupStatus"],
        }

    def update(self, physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        """New tags stay in place; another name is another group."""
        name_field = "ModelPackageGroupName"
        if old.get(name_field) != new.get(name_field):
            return self.create("", new, stack_name)
        if new.get("Tags"):
            self.sagemaker.add_tags(ResourceArn=physical_id, Tags=new["Tags"])
        return physical_id, {"ModelPackageGroupArn": physical_id, name_field: new.get(name_field)}


class _Endpoints(_Resource):
    """AWS::SageMaker::Endpoint: there when it is InService."""

    def __init__(self, sagemaker: Any) -> None:
        super().__init__(sagemaker, "Endpoint")

    def create(self, logical_id: str, props: Json, stack_name: str) -> tuple[str, Json]:
        """Create and wait; raises when the endpoint fails."""
        arn, attributes = super().create(logical_id, props, stack_name)
        self._wait(attributes["EndpointName"], props["EndpointConfigName"])
        return arn, attributes

    def update(self, physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        """Move to the new configuration and wait; raises when SageMaker goes back to the old one."""
        del stack_name
        name = old.get("EndpointName") or _name_in(physical_id)
        if _name_in(old["EndpointConfigName"]) != _name_in(new["EndpointConfigName"]):
            config_name = _name_in(new["EndpointConfigName"])
            self.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config_name)
            self._wait(name, config_name)
        return physical_id, {"EndpointName": name, "EndpointArn": physical_id}

    def _wait(self, name: str, config_name: str) -> None:
        deadline = time.monotonic() + _ENDPOINT_SECONDS
        while time.monotonic() < deadline:
            endpoint = self.sagemaker.describe_endpoint(EndpointName=name)
            if endpoint["EndpointStatus"] not in {"Creating", "Updating"}:
                if (
                    endpoint["EndpointConfigName"] == _name_in(config_name)
                    and endpoint["EndpointStatus"] == "InService"
                ):
                    return
                raise RuntimeError(f"endpoint {name}: {endpoint.get('FailureReason', endpoint['EndpointStatus'])}")
            time.sleep(_POLL_SECONDS)
        raise RuntimeError(f"endpoint {name} is not in service after {_ENDPOINT_SECONDS:g} s")


def _handler(resource: _Resource) -> Json:
    return {"create": resource.create, "update": resource.update, "delete": resource.delete}


def _typed(props: Json, shape: Any) -> Json:
    """Template properties as the API's input: numbers that came as text, ARNs where names belong, nothing unknown."""
    typed: Json = {}
    for name, value in props.items():
        if name in shape.members and value is not None:
            typed[name] = _name_in(value) if name in _REFERENCES else _typed_value(value, shape.members[name])
    return typed


_REFERENCES = {"EndpointConfigName", "EndpointName", "ModelName", "ModelPackageGroupName"}  # a Ref gives the ARN


def _typed_value(value: Any, shape: Any) -> Any:
    match shape.type_name:
        case "structure":
            return _typed(value, shape)
        case "list":
            return [_typed_value(item, shape.member) for item in value]
        case "map":
            return {key: _typed_value(item, shape.value) for key, item in value.items()}
        case "integer" | "long":
            return int(value)
        case "float" | "double":
            return float(value)
        case "boolean":
            return value if isinstance(value, bool) else str(value).lower() == "true"
        case "string":
            return str(value)
        case _:
            return value


def _name_in(reference: str) -> str:
    return reference.rsplit("/", 1)[-1] if reference.startswith("arn:") else reference


def _says(error: ClientError, *phrases: str) -> bool:
    return any(phrase in str(error) for phrase in phrases)
