"""Clients of AWS services, made by botocore alone: boto3 would add 30 ms of processor time to each cold start."""

from typing import TYPE_CHECKING

from botocore.session import Session

from bellwether.shared.per_process import once_per_process

__all__ = ["aws_client"]

if TYPE_CHECKING:
    from boto3 import client as aws_client  # the stubs of botocore do not tell the services apart
else:

    def aws_client(service, *, config):
        """Make a client of one service, with region and credentials from the environment. Not thread-safe."""
        return _session().create_client(service, config=config)


@once_per_process
def _session() -> Session:
    """One session for each process: its clients share what was loaded."""
    return Session()
