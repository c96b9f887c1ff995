"""Glue's tables over the files of cost exports, one for each list of columns.

A table reads no folder: each partition holds a list of files (SymlinkTextInputFormat), so that only what a manifest
names is read. The partition is injected: a query names its delivery, and Glue holds no partitions.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from bellwether.finops.domain.aggregation import Source, glue_names
from bellwether.finops.domain.export_layouts import FileFormat
from bellwether.finops.domain.manifests import LISTS
from bellwether.shared.adapters.aws_clients import aws_client
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import ConflictError
from bellwether.shared.per_process import once_per_process

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

_SERDES: dict[FileFormat, dict[str, Any]] = {
    FileFormat.CSV: {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\\"},
    },
    FileFormat.PARQUET: {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}


@once_per_process
def glue_client() -> "GlueClient":
    """One client for each process."""
    timely = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 4})
    return aws_client("glue", config=timely)


class GlueTables:
    """LineTables over one database; the lists of files are in `bucket`."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def ensure(self, source: Source) -> None:
        """Create the table unless it exists."""
        with suppress(ConflictError), translated(f"table {source.database}.{source.table}"):
            try:
                glue_client().create_table(DatabaseName=source.database, TableInput=self.table_input(source))
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "AlreadyExistsException":
                    raise ConflictError("the table exists") from error
                raise

    def table_input(self, source: Source) -> Any:
        """The table as Glue takes it. CSV files are read by position, as text."""
        types = ["string" if source.format is FileFormat.CSV else column.type for column in source.columns]
        names = glue_names(source.columns, source.format)
        return {
            "Name": source.table,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {
                "EXTERNAL": "TRUE",
                "classification": source.format.value,
                "projection.enabled": "true",
                "projection.delivery.type": "injected",
                "storage.location.template": f"s3://{self._bucket}/{LISTS}${{delivery}}/",
            },
            "PartitionKeys": [{"Name": "delivery", "Type": "string"}],
            "StorageDescriptor": {
                "Columns": [{"Name": name, "Type": type_} for name, type_ in zip(names, types, strict=True)],
                "Location": f"s3://{self._bucket}/{LISTS}",
                "InputFormat": "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "SerdeInfo": _SERDES[source.format],
            },
        }
