"""boto3 clients for the emulator, with the key of the local cloud."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=60,
    retries={"max_attempts": 3, "mode": "standard"},
    s3={"addressing_style": "path"},
)


def s3_client(url: str, region: str) -> "S3Client":
    """Client for S3 at `url`."""
    return _session(region).client("s3", endpoint_url=url, config=_CONFIG)


def events_client(url: str, region: str) -> "EventBridgeClient":
    """Client for EventBridge at `url`."""
    return _session(region).client("events", endpoint_url=url, config=_CONFIG)


def logs_client(url: str, region: str) -> "CloudWatchLogsClient":
    """Client for CloudWatch Logs at `url`."""
    return _session(region).client("logs", endpoint_url=url, config=_CONFIG)


def _session(region: str) -> boto3.session.Session:
    return boto3.session.Session(region_name=region)  # the key is in the environment
