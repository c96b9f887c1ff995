"""What every part of the server leans on."""

from dataclasses import dataclass

from localcloud.sagemaker.configuration import Configuration
from localcloud.sagemaker.events import EventPublisher
from localcloud.sagemaker.logs import CloudWatchLogs, LogSink
from localcloud.sagemaker.objects import ObjectStore
from localcloud.sagemaker.store import Store
from localcloud.sagemaker.tags import Tags


@dataclass(frozen=True)
class Platform:
    """Configuration, state, and the ways out."""

    configuration: Configuration
    store: Store
    events: EventPublisher
    objects: ObjectStore
    cloudwatch: CloudWatchLogs
    tags: Tags

    def open_log(self, kind: str, name: str, group: str, stream: str) -> LogSink:
        """Sink for the output of a job or an endpoint."""
        return LogSink(self.configuration.log_file(kind, name), self.cloudwatch, group, stream)
