"""What can go wrong with the laptop's cloud, told so that the reader knows what to do next.

CloudError
├── CloudBusyError        another command is changing the same cloud
├── CloudDownError        the command needs a running cloud
├── MissingToolError      an environment or a program isn't there
├── ServiceError          a service doesn't start, or dies
└── DeployError           sam build or sam deploy refuses
"""


class CloudError(Exception):
    """Base of all; the message is shown to the user as it is."""


class CloudBusyError(CloudError):
    """Another `up`, `down` or `reset` holds the lock."""


class CloudDownError(CloudError):
    """Nothing runs, or not the part that was asked for."""


class MissingToolError(CloudError):
    """A program that we start isn't installed where we look for it."""


class ServiceError(CloudError):
    """A service of the cloud didn't come up."""


class DeployError(CloudError):
    """The stack could not be built or deployed."""
