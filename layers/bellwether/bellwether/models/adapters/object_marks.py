"""Tags of bundles: the bucket's lifecycle rule moves what is archived to a cheaper class."""

from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.config import Config

from bellwether.models.domain.archive import ARCHIVED, FALSE, TRUE
from bellwether.shared.adapters.aws_clients import aws_client
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import NotFoundError
from bellwether.shared.per_process import once_per_process

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef


@once_per_process
def s3_client() -> "S3Client":
    """One client for each process."""
    timely = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 4})
    return aws_client("s3", config=timely)


class S3ObjectMarks:
    """ObjectMarks over one bucket. Needs s3:GetObjectTagging and s3:PutObjectTagging."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def mark(self, uri: str, *, archived: bool) -> None:
        """Tag whether it is archived; other tags stay. What is gone or lies elsewhere is left alone."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if bucket != self._bucket:
            return
        with suppress(NotFoundError), translated(uri):
            tags = s3_client().get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
            others = [tag for tag in tags if tag["Key"] != ARCHIVED]
            own: TagTypeDef = {"Key": ARCHIVED, "Value": TRUE if archived else FALSE}
            s3_client().put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [*others, own]})
