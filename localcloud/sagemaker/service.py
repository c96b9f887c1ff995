"""The server's parts, put together, and which action is whose."""

from collections.abc import Callable

from localcloud.sagemaker.artifacts import Artifacts
from localcloud.sagemaker.configuration import Configuration
from localcloud.sagemaker.documents import Document
from localcloud.sagemaker.endpoints import Endpoints, Invocation, Prediction
from localcloud.sagemaker.errors import ValidationError
from localcloud.sagemaker.events import EventPublisher
from localcloud.sagemaker.foundation import Platform
from localcloud.sagemaker.logs import CloudWatchLogs
from localcloud.sagemaker.models import EndpointConfigs, Models
from localcloud.sagemaker.objects import ObjectStore
from localcloud.sagemaker.processing import ProcessingJobs
from localcloud.sagemaker.registry import Registry
from localcloud.sagemaker.store import Store
from localcloud.sagemaker.tags import Tags
from localcloud.sagemaker.training import TrainingJobs
from localcloud.sagemaker.transform import TransformJobs

type Action = Callable[[Document], Document]

_SHUTDOWN_GRACE_SECONDS = 3.0


class LocalSageMaker:
    """All actions that this server carries out itself."""

    def __init__(self, configuration: Configuration) -> None:
        store = Store(configuration.state_file)
        self._platform = Platform(
            configuration=configuration,
            store=store,
            events=EventPublisher(configuration, store),
            objects=ObjectStore(configuration),
            cloudwatch=CloudWatchLogs(configuration),
            tags=Tags(store),
        )
        artifacts = Artifacts(configuration, self._platform.objects)
        registry = Registry(self._platform)
        models = Models(self._platform, registry, artifacts)
        configs = EndpointConfigs(self._platform, models)
        self._endpoints = Endpoints(self._platform, models, configs, artifacts)
        self._jobs = (
            TrainingJobs(self._platform),
            TransformJobs(self._platform, models, artifacts),
            ProcessingJobs(self._platform),
        )
        self._actions: dict[str, Action] = {
            "CreateModelPackageGroup": registry.create_group,
            "DescribeModelPackageGroup": registry.describe_group,
            "ListModelPackageGroups": registry.list_groups,
            "DeleteModelPackageGroup": registry.delete_group,
            "CreateModelPackage": registry.create_package,
            "DescribeModelPackage": registry.describe_package,
            "BatchDescribeModelPackage": registry.describe_packages,
            "ListModelPackages": registry.list_packages,
            "UpdateModelPackage": registry.update_package,
            "DeleteModelPackage": registry.delete_package,
            "CreateModel": models.create,
            "DescribeModel": models.describe,
            "ListModels": models.list,
            "DeleteModel": models.delete,
            "CreateEndpointConfig": configs.create,
            "DescribeEndpointConfig": configs.describe,
            "ListEndpointConfigs": configs.list,
            "DeleteEndpointConfig": configs.delete,
            "CreateEndpoint": self._endpoints.create,
            "UpdateEndpoint": self._endpoints.update,
            "DescribeEndpoint": self._endpoints.describe,
            "ListEndpoints": self._endpoints.list,
            "DeleteEndpoint": self._endpoints.delete,
            # moto knows these, but not about our resources: better refused than answered wrongly
            "Search": _refuse("Search"),
            "UpdateEndpointWeightsAndCapacities": _refuse("UpdateEndpointWeightsAndCapacities"),
        }
        for jobs in self._jobs:
            self._actions |= {
                f"Create{jobs.title}Job": jobs.create,
                f"Describe{jobs.title}Job": jobs.describe,
                f"List{jobs.title}Jobs": jobs.list,
                f"Stop{jobs.title}Job": jobs.stop,
            }
        self._tag_actions: dict[str, Action] = {
            "AddTags": self._add_tags,
            "DeleteTags": self._delete_tags,
            "ListTags": self._list_tags,
        }

    @property
    def configuration(self) -> Configuration:
        """How the server was started."""
        return self._platform.configuration

    def action(self, name: str, request: Document) -> Action | None:
        """What carries out this action; None when it is not ours but moto's."""
        if name in self._tag_actions and _resource_kind(request) in _OWN_KINDS:
            return self._tag_actions[name]
        return self._actions.get(name)

    def invoke(self, invocation: Invocation) -> Prediction:
        """InvokeEndpoint."""
        return self._endpoints.invoke(invocation)

    def start(self) -> None:
        """Take up what was left when the server ended."""
        self._platform.events.start()
        self._platform.cloudwatch.start()
        for jobs in self._jobs:
            jobs.recover()
        self._endpoints.recover()

    def stop(self) -> None:
        """End jobs and processes; nothing of the state is lost."""
        for jobs in self._jobs:
            jobs.shut_down(_SHUTDOWN_GRACE_SECONDS)
        self._endpoints.shut_down()
        self._platform.events.stop()
        self._platform.cloudwatch.stop()

    def _add_tags(self, request: Document) -> Document:
        return {"Tags": self._platform.tags.add(request["ResourceArn"], request["Tags"])}

    def _delete_tags(self, request: Document) -> Document:
        self._platform.tags.remove(request["ResourceArn"], request["TagKeys"])
        return {}

    def _list_tags(self, request: Document) -> Document:
        return {"Tags": self._platform.tags.listed(request["ResourceArn"])}


_OWN_KINDS = {
    "endpoint",
    "endpoint-config",
    "model",
    "model-package",
    "model-package-group",
    "processing-job",
    "training-job",
    "transform-job",
}


def _resource_kind(request: Document) -> str:
    return str(request.get("ResourceArn", "")).rpartition(":")[2].partition("/")[0]


def _refuse(name: str) -> Action:
    def refuse(request: Document) -> Document:
        del request
        raise ValidationError(f"{name} is not available on the local SageMaker.")

    return refuse
