"""Models and endpoint configurations: what CreateEndpoint puts together."""

from dataclasses import dataclass

from localcloud.sagemaker.artifacts import Artifacts, ModelSource
from localcloud.sagemaker.documents import Document, now, public
from localcloud.sagemaker.errors import JobError, ValidationError
from localcloud.sagemaker.foundation import Platform
from localcloud.sagemaker.listing import Listing, page
from localcloud.sagemaker.model import check_request, described
from localcloud.sagemaker.registry import Registry
from localcloud.sagemaker.store import AlreadyThereError

_MODEL = "model"
_CONFIG = "endpoint-config"
_MODELS = Listing("Models", "ModelName", ("ModelName", "ModelArn", "CreationTime"), order="Descending")
_CONFIGS = Listing(
    "EndpointConfigs",
    "EndpointConfigName",
    ("EndpointConfigName", "EndpointConfigArn", "CreationTime"),
    order="Descending",
)
_MEMORY_SIZES_MB = (1024, 2048, 3072, 4096, 5120, 6144)


class Models:
    """CreateModel and its relatives."""

    def __init__(self, platform: Platform, registry: Registry, artifacts: Artifacts) -> None:
        self._platform = platform
        self._registry = registry
        self._artifacts = artifacts

    def create(self, request: Document) -> Document:
        """CreateModel. As in AWS, the model data have to be there already."""
        check_request("CreateModel", request)
        name = request["ModelName"]
        arn = self._arn(name)
        if self._platform.store.get(_MODEL, name) is not None:
            raise ValidationError(f'Cannot create already existing model "{arn}".')
        model = described("DescribeModel", request) | {
            "ModelArn": arn,
            "CreationTime": now(),
            "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        }
        try:
            self._pin(model)
        except JobError as error:
            raise ValidationError(str(error).removeprefix("ClientError: ")) from error
        try:
            self._platform.store.insert(_MODEL, name, model)
        except AlreadyThereError as error:
            raise ValidationError(f'Cannot create already existing model "{arn}".') from error
        self._platform.tags.add(arn, request.get("Tags"))
        return {"ModelArn": arn}

    def describe(self, request: Document) -> Document:
        """DescribeModel."""
        check_request("DescribeModel", request)
        return public(self.get(request["ModelName"]))

    def list(self, request: Document) -> Document:
        """ListModels."""
        check_request("ListModels", request)
        return page(_MODELS, self._platform.store.all(_MODEL), request)

    def delete(self, request: Document) -> Document:
        """DeleteModel; endpoints that serve it go on."""
        check_request("DeleteModel", request)
        arn = self.get(request["ModelName"])["ModelArn"]
        self._platform.store.delete(_MODEL, request["ModelName"])
        self._platform.tags.forget(arn)
        return {}

    def get(self, name: str) -> Document:
        """The model. Raises ValidationError."""
        model = self._platform.store.get(_MODEL, name)
        if model is None:
            raise ValidationError(f'Could not find model "{self._arn(name)}".')
        return model

    def source(self, name: str) -> ModelSource:
        """The model's archive as it is in S3 now, and its environment. Raises ValidationError, JobError."""
        return self._pin(self.get(name))

    def image(self, name: str) -> str | None:
        """The container image that AWS would run."""
        return str(self._container(self.get(name)).get("Image", "")) or None

    def _pin(self, model: Document) -> ModelSource:
        container = self._container(model)
        url = container.get("ModelDataUrl")
        if url is None:
            source = container.get("ModelDataSource", {}).get("S3DataSource", {})
            if source.get("CompressionType") != "Gzip" or source.get("S3DataType") != "S3Object":
                raise ValidationError(f"{model['ModelName']}: the local SageMaker needs model data as one tar.gz.")
            url = source["S3Uri"]
        return self._artifacts.pin(str(url), container.get("Environment", {}))

    def _container(self, model: Document) -> Document:
        containers = model.get("Containers") or [item for item in (model.get("PrimaryContainer"),) if item]
        if len(containers) != 1 or (model.get("Containers") and model.get("PrimaryContainer")):
            raise ValidationError("A model has exactly one container on the local SageMaker.")
        container: Document = containers[0]
        if "ModelPackageName" not in container:
            return container
        package = self._registry.package(container["ModelPackageName"])
        packaged = package.get("InferenceSpecification", {}).get("Containers", [])
        if len(packaged) != 1:
            raise ValidationError(f"{package['ModelPackageArn']} has no single container to make a model from.")
        merged: Document = {**packaged[0]}
        merged["Environment"] = {**packaged[0].get("Environment", {}), **container.get("Environment", {})}
        return merged

    def _arn(self, name: str) -> str:
        return self._platform.configuration.arn(_MODEL, name)


@dataclass(frozen=True)
class Variant:
    """The one production variant of an endpoint; `max_concurrency` is None when it is not serverless."""

    name: str
    model_name: str
    max_concurrency: int | None


class EndpointConfigs:
    """CreateEndpointConfig and its relatives."""

    def __init__(self, platform: Platform, models: Models) -> None:
        self._platform = platform
        self._models = models

    def create(self, request: Document) -> Document:
        """CreateEndpointConfig, refusing for serverless what AWS refuses: a second variant, capture, a VPC."""
        check_request("CreateEndpointConfig", request)
        name = request["EndpointConfigName"]
        arn = self._arn(name)
        for variant in request["ProductionVariants"]:
            self._models.get(variant.get("ModelName", ""))
        _check_variants(request)
        config = described("DescribeEndpointConfig", request) | {"EndpointConfigArn": arn, "CreationTime": now()}
        try:
            self._platform.store.insert(_CONFIG, name, config)
        except AlreadyThereError as error:
            raise ValidationError(f'Cannot create already existing endpoint configuration "{arn}".') from error
        self._platform.tags.add(arn, request.get("Tags"))
        return {"EndpointConfigArn": arn}

    def describe(self, request: Document) -> Document:
        """DescribeEndpointConfig."""
        check_request("DescribeEndpointConfig", request)
        return public(self.get(request["EndpointConfigName"]))

    def list(self, request: Document) -> Document:
        """ListEndpointConfigs."""
        check_request("ListEndpointConfigs", request)
        return page(_CONFIGS, self._platform.store.all(_CONFIG), request)

    def delete(self, request: Document) -> Document:
        """DeleteEndpointConfig; an endpoint that was made from it goes on."""
        check_request("DeleteEndpointConfig", request)
        arn = self.get(request["EndpointConfigName"])["EndpointConfigArn"]
        self._platform.store.delete(_CONFIG, request["EndpointConfigName"])
        self._platform.tags.forget(arn)
        return {}

    def get(self, name: str) -> Document:
        """The configuration. Raises ValidationError."""
        config = self._platform.store.get(_CONFIG, name)
        if config is None:
            raise ValidationError(f'Could not find endpoint configuration "{self._arn(name)}".')
        return config

    def variant(self, name: str) -> Variant:
        """The configuration's production variant. Raises ValidationError."""
        variant = self.get(name)["ProductionVariants"][0]
        serverless = variant.get("ServerlessConfig")
        return Variant(
            name=variant["VariantName"],
            model_name=variant["ModelName"],
            max_concurrency=None if serverless is None else int(serverless["MaxConcurrency"]),
        )

    def _arn(self, name: str) -> str:
        return self._platform.configuration.arn(_CONFIG, name)


def _check_variants(request: Document) -> None:
    variants = request["ProductionVariants"]
    serverless = [item["ServerlessConfig"] for item in variants if "ServerlessConfig" in item]
    capture = request.get("DataCaptureConfig", {}).get("EnableCapture", False)
    if serverless:
        if len(variants) > 1 or request.get("ShadowProductionVariants"):
            raise ValidationError("Multiple production variants are not supported with ServerlessConfig.")
        if capture:
            raise ValidationError("DataCaptureConfig is not supported with ServerlessConfig.")
        if "AsyncInferenceConfig" in request or "VpcConfig" in request or "InstanceType" in variants[0]:
            raise ValidationError("One or more endpoint features are not supported using ServerlessConfig.")
        memory_mb = serverless[0].get("MemorySizeInMB")
        if memory_mb not in _MEMORY_SIZES_MB:
            raise ValidationError(
                f"ServerlessConfig.MemorySizeInMB must be one of {', '.join(map(str, _MEMORY_SIZES_MB))}, "
                f"not {memory_mb}."
            )
        if serverless[0].get("ProvisionedConcurrency", 0) > serverless[0]["MaxConcurrency"]:
            raise ValidationError("ServerlessConfig.ProvisionedConcurrency can't exceed MaxConcurrency.")
    elif "InstanceType" not in variants[0]:
        raise ValidationError("A production variant needs InstanceType or ServerlessConfig.")
    elif len(variants) > 1 or capture or "AsyncInferenceConfig" in request:
        raise ValidationError("The local SageMaker serves one variant, without data capture, synchronously.")
