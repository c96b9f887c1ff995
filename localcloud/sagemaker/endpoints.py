"""Endpoints: Creating → InService, Updating and back, and the answer to InvokeEndpoint."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.sagemaker.artifacts import Artifacts, ModelSource
from localcloud.sagemaker.documents import Document, now, public, to_milliseconds, with_times
from localcloud.sagemaker.errors import (
    JobError,
    ModelFailure,
    PayloadTooLargeError,
    RuntimeValidationError,
    SageMakerError,
    ThrottledError,
    ValidationError,
)
from localcloud.sagemaker.foundation import Platform
from localcloud.sagemaker.listing import Listing, page
from localcloud.sagemaker.model import check_request
from localcloud.sagemaker.models import EndpointConfigs, Models
from localcloud.sagemaker.store import AlreadyThereError
from localcloud.sagemaker.workers import Answer, ModelServer, MovedOnError, WorkerLoadError, WorkerLostError

logger = logging.getLogger(__name__)

_KIND = "endpoint"
_LISTING = Listing(
    "Endpoints",
    "EndpointName",
    ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"),
    status="EndpointStatus",
    order="Descending",
)
_ANSWER_LIMIT_SECONDS = 60.0
_SERVERLESS_PAYLOAD_BYTES = 4 * 1024 * 1024
_PAYLOAD_BYTES = 6 * 1024 * 1024
_EVENT_STATUS = {
    "Creating": "CREATING",
    "InService": "IN_SERVICE",
    "Updating": "UPDATING",
    "Deleting": "DELETING",
    "Failed": "FAILED",
}


@dataclass(frozen=True)
class Invocation:
    """A request to an endpoint."""

    endpoint_name: str
    body: bytes
    content_type: str
    accept: str
    target_variant: str | None = None


@dataclass(frozen=True)
class Prediction:
    """An endpoint's answer."""

    body: bytes
    content_type: str
    variant: str


@dataclass(frozen=True)
class Deployment:
    """What an endpoint serves, in a form that survives a restart."""

    config_name: str
    variant_name: str
    max_concurrency: int | None
    source: ModelSource

    def document(self) -> Document:
        """As JSON."""
        return {
            "config_name": self.config_name,
            "variant_name": self.variant_name,
            "max_concurrency": self.max_concurrency,
            "source": self.source.document(),
        }

    @classmethod
    def of(cls, document: Document) -> "Deployment":
        """From JSON."""
        return cls(
            document["config_name"],
            document["variant_name"],
            document["max_concurrency"],
            ModelSource.of(document["source"]),
        )


class Serving:
    """A deployment with its process, and with the slots that MaxConcurrency leaves."""

    def __init__(self, deployment: Deployment, server: ModelServer) -> None:
        self.deployment = deployment
        self.server = server
        limit = deployment.max_concurrency
        self.slots = None if limit is None else threading.BoundedSemaphore(limit)

    @property
    def payload_bytes(self) -> int:
        """How large a request may be."""
        return _PAYLOAD_BYTES if self.slots is None else _SERVERLESS_PAYLOAD_BYTES


class Endpoints:
    """CreateEndpoint, UpdateEndpoint, DeleteEndpoint, InvokeEndpoint and their relatives."""

    def __init__(self, platform: Platform, models: Models, configs: EndpointConfigs, artifacts: Artifacts) -> None:
        self._platform = platform
        self._models = models
        self._configs = configs
        self._artifacts = artifacts
        self._servings: dict[str, Serving] = {}
        self._lock = threading.Lock()

    # --- operations

    def create(self, request: Document) -> Document:
        """CreateEndpoint: Creating at once, InService or Failed when the model has been tried."""
        check_request("CreateEndpoint", request)
        name, config_name = request["EndpointName"], request["EndpointConfigName"]
        moment = now()
        endpoint = {
            "EndpointName": name,
            "EndpointArn": self._arn(name),
            "EndpointConfigName": config_name,
            "EndpointStatus": "Creating",
            "CreationTime": moment,
            "LastModifiedTime": moment,
            "PendingDeploymentSummary": self._pending(config_name),
        }
        try:
            self._platform.store.insert(_KIND, name, endpoint)
        except AlreadyThereError as error:
            raise ValidationError(f'Cannot create already existing endpoint "{self._arn(name)}".') from error
        self._platform.tags.add(self._arn(name), request.get("Tags"))
        self._tell(endpoint)
        self._start_deployment(name)
        return {"EndpointArn": self._arn(name)}

    def update(self, request: Document) -> Document:
        """UpdateEndpoint: Updating while the old configuration goes on answering.

        When the new one does not come up the endpoint is InService again, with the old configuration and a
        FailureReason: that is what AWS does, and why a caller compares EndpointConfigName.
        """
        check_request("UpdateEndpoint", request)
        name, config_name = request["EndpointName"], request["EndpointConfigName"]
        self._get(name)
        pending = self._pending(config_name)

        def begin(endpoint: Document) -> None:
            if endpoint["EndpointStatus"] == "Failed":
                raise ValidationError(f'Cannot update endpoint "{self._arn(name)}" in status Failed: delete it.')
            if endpoint["EndpointStatus"] != "InService":
                raise ValidationError(f'Cannot update in-progress endpoint "{self._arn(name)}".')
            endpoint["EndpointStatus"] = "Updating"
            endpoint["PendingDeploymentSummary"] = pending
            endpoint.pop("FailureReason", None)

        self._change(name, begin)
        self._start_deployment(name)
        return {"EndpointArn": self._arn(name)}

    def describe(self, request: Document) -> Document:
        """DescribeEndpoint."""
        check_request("DescribeEndpoint", request)
        return public(self._get(request["EndpointName"]))

    def list(self, request: Document) -> Document:
        """ListEndpoints."""
        check_request("ListEndpoints", request)
        return page(_LISTING, self._platform.store.all(_KIND), request)

    def delete(self, request: Document) -> Document:
        """DeleteEndpoint; not while it is being created or updated."""
        check_request("DeleteEndpoint", request)
        name = request["EndpointName"]
        self._get(name)

        def begin(endpoint: Document) -> None:
            if endpoint["EndpointStatus"] in {"Creating", "Updating"}:
                raise ValidationError(f'Cannot update in-progress endpoint "{self._arn(name)}".')
            endpoint["EndpointStatus"] = "Deleting"

        self._change(name, begin)
        self._remove(name)
        return {}

    def invoke(self, invocation: Invocation) -> Prediction:
        """InvokeEndpoint. Raises InvocationError."""
        name = invocation.endpoint_name
        while True:
            serving = self._serving(name)
            variant = serving.deployment.variant_name
            if invocation.target_variant not in {None, variant}:
                raise RuntimeValidationError(f"Variant {invocation.target_variant} of endpoint {name} not found.")
            if len(invocation.body) > serving.payload_bytes:
                raise PayloadTooLargeError(f"Request body is larger than {serving.payload_bytes} bytes.")
            if serving.slots is not None and not serving.slots.acquire(blocking=False):
                raise ThrottledError("Rate exceeded")
            try:
                answer = self._ask(name, serving, invocation)
            except MovedOnError:
                continue  # an update took over while we waited: its configuration answers
            finally:
                if serving.slots is not None:
                    serving.slots.release()
            if answer.status != 200:
                raise self._model_failure(name, answer.status, answer.body.decode(errors="replace"))
            return Prediction(answer.body, answer.content_type, variant)

    # --- life of the server

    def recover(self) -> None:
        """After a start: what was serving serves again when asked; what was half done is done again."""
        endpoints = self._platform.store.all(_KIND)
        deployed = [Deployment.of(item["_deployment"]) for item in endpoints if "_deployment" in item]
        self._artifacts.keep_only([item.source for item in deployed])
        for endpoint in endpoints:
            name = endpoint["EndpointName"]
            if "_deployment" in endpoint:
                self._servings[name] = self._open(name, Deployment.of(endpoint["_deployment"]))
            if endpoint["EndpointStatus"] in {"Creating", "Updating"}:
                self._start_deployment(name)
            elif endpoint["EndpointStatus"] == "Deleting":
                self._remove(name)

    def shut_down(self) -> None:
        """End the processes; the endpoints stay what they are."""
        with self._lock:
            for serving in self._servings.values():
                serving.server.stop()

    # --- inside

    def _start_deployment(self, name: str) -> None:
        threading.Thread(target=self._deploy, args=(name,), name=f"endpoint-{name}", daemon=True).start()

    def _deploy(self, name: str) -> None:
        config_name = self._get(name)["PendingDeploymentSummary"]["EndpointConfigName"]
        try:
            serving, summary = self._bring_up(name, config_name)
        except Exception as error:  # noqa: BLE001 - the endpoint must leave its transitional status, whatever went wrong
            reason = str(error) if isinstance(error, JobError | SageMakerError) else f"{type(error).__name__}: {error}"
            logger.warning("endpoint %s failed to start with %s: %s", name, config_name, reason)
            self._change(name, lambda endpoint: _fall_back(endpoint, reason))
            return

        def conclude(endpoint: Document) -> None:
            endpoint["EndpointStatus"] = "InService"
            endpoint["EndpointConfigName"] = config_name
            endpoint["ProductionVariants"] = [summary]
            endpoint["_deployment"] = serving.deployment.document()
            endpoint.pop("PendingDeploymentSummary", None)

        with self._lock:
            before = self._servings.get(name)
            self._servings[name] = serving
        self._change(name, conclude)
        if before is not None:
            before.server.stop(_ANSWER_LIMIT_SECONDS)

    def _bring_up(self, name: str, config_name: str) -> tuple[Serving, Document]:
        variant = self._configs.variant(config_name)
        source = self._models.source(variant.model_name)
        deployment = Deployment(config_name, variant.name, variant.max_concurrency, source)
        serving = self._open(name, deployment)
        try:
            serving.server.load()
        except (WorkerLoadError, WorkerLostError) as error:
            serving.server.stop()
            raise JobError(
                f"The primary container for production variant {variant.name} did not pass the ping health check. "
                f"Please check CloudWatch logs for this endpoint. ({error})"
            ) from error
        except BaseException:
            serving.server.stop()
            raise
        return serving, self._summary(config_name, variant.model_name)

    def _pending(self, config_name: str) -> Document:
        """What DescribeEndpoint says of a change under way; a restart takes the change up from it."""
        variant = self._configs.variant(config_name)
        return {
            "EndpointConfigName": config_name,
            "ProductionVariants": [{"VariantName": variant.name}],
            "StartTime": now(),
        }

    def _open(self, name: str, deployment: Deployment) -> Serving:
        stream = f"{deployment.variant_name}/{deployment.config_name}"
        log = self._platform.open_log("endpoints", name, f"/aws/sagemaker/Endpoints/{name}", stream)
        return Serving(deployment, ModelServer(lambda: self._artifacts.program(deployment.source), log))

    def _summary(self, config_name: str, model_name: str) -> Document:
        variant = self._configs.get(config_name)["ProductionVariants"][0]
        weight = float(variant.get("InitialVariantWeight", 1.0))
        summary: Document = {
            "VariantName": variant["VariantName"],
            "CurrentWeight": weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": variant.get("InitialInstanceCount", 0),
        }
        image = self._models.image(model_name)
        if image is not None:
            summary["DeployedImages"] = [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": now()}]
        if "ServerlessConfig" in variant:
            summary["CurrentServerlessConfig"] = variant["ServerlessConfig"]
        else:
            summary["DesiredInstanceCount"] = variant.get("InitialInstanceCount", 1)
        return summary

    def _serving(self, name: str) -> Serving:
        with self._lock:
            serving = self._servings.get(name)
        endpoint = self._platform.store.get(_KIND, name)
        if serving is None or endpoint is None or endpoint["EndpointStatus"] not in {"InService", "Updating"}:
            account = self._platform.configuration.account
            raise RuntimeValidationError(f"Endpoint {name} of account {account} not found.")
        return serving

    def _ask(self, name: str, serving: Serving, invocation: Invocation) -> Answer:
        try:
            return serving.server.ask(
                invocation.body, invocation.content_type, invocation.accept, _ANSWER_LIMIT_SECONDS
            )
        except MovedOnError:
            raise
        except (WorkerLostError, WorkerLoadError, JobError) as error:
            raise self._model_failure(name, 500, str(error)) from error

    def _model_failure(self, name: str, status: int, message: str) -> ModelFailure:
        configuration = self._platform.configuration
        group = f"/aws/sagemaker/Endpoints/{name}"
        whose = "client" if status < 500 else "server"
        return ModelFailure(
            f'Received {whose} error ({status}) from primary with message "{message}". See '
            f"https://{configuration.region}.console.aws.amazon.com/cloudwatch/home?region={configuration.region}"
            f"#logEventViewer:group={group} in account {configuration.account} for more information.",
            ErrorCode="CLIENT_ERROR_FROM_MODEL" if status < 500 else "INTERNAL_FAILURE_FROM_MODEL",
            LogStreamArn=f"arn:aws:logs:{configuration.region}:{configuration.account}:log-group:{group}",
            OriginalMessage=message,
            OriginalStatusCode=status,
        )

    def _remove(self, name: str) -> None:
        with self._lock:
            serving = self._servings.pop(name, None)
        if serving is not None:
            serving.server.stop()
        self._platform.store.delete(_KIND, name)
        self._platform.tags.forget(self._arn(name))

    def _change(self, name: str, change: Callable[[Document], None]) -> None:
        def edit(endpoint: Document) -> None:
            change(endpoint)
            endpoint["LastModifiedTime"] = now()

        self._tell(self._platform.store.change(_KIND, name, edit))

    def _tell(self, endpoint: Document) -> None:
        arn = endpoint["EndpointArn"]
        detail = with_times(public(endpoint), to_milliseconds) | {
            "EndpointStatus": _EVENT_STATUS[endpoint["EndpointStatus"]],
            "Tags": self._platform.tags.of(arn),
        }
        self._platform.events.publish("SageMaker Endpoint State Change", arn, detail)

    def _get(self, name: str) -> Document:
        endpoint = self._platform.store.get(_KIND, name)
        if endpoint is None:
            raise ValidationError(f'Could not find endpoint "{self._arn(name)}".')
        return endpoint

    def _arn(self, name: str) -> str:
        return self._platform.configuration.arn(_KIND, name)


def _fall_back(endpoint: Document, reason: str) -> None:
    endpoint["FailureReason"] = reason[:1024]
    endpoint["EndpointStatus"] = "InService" if "_deployment" in endpoint else "Failed"
    endpoint.pop("PendingDeploymentSummary", None)
