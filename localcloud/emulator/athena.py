"""Athena as Step Functions and the application use it.

ministack has no `athena:startQueryExecution` state, runs Trino's SQL in DuckDB as it is, matches partition folders by
case, knows no lists of files (SymlinkTextInputFormat), reports the size of the result as bytes read, keeps no byte
limit, and puts results at `<OutputLocation>/<id>.csv`. DuckDB and sqlglot are imported by the first query.
"""

import csv
import io
import json
import re
import shutil
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ministack.services import athena, glue, s3, stepfunctions

from localcloud.emulator.patching import replace, require

type Json = dict[str, Any]

_RESOURCE = "arn:aws:states:::athena:startQueryExecution"
_SDK = "arn:aws:states:::aws-sdk:athena:"
_POLL_SECONDS = 0.1
_FOLDER = re.compile(r"^[^=/]+=")

_scanned: ContextVar[list[int]] = ContextVar("athena_scanned")
_workgroup: ContextVar[str] = ContextVar("athena_workgroup", default="primary")


def apply() -> None:
    require(stepfunctions, "_SERVICE_DISPATCH")[_RESOURCE] = _start
    require(stepfunctions, "_invoke_aws_sdk_integration", ("resource", "input_data"))
    require(stepfunctions, "_ExecutionError", ("error", "cause"))
    require(glue, "_tables")
    require(s3, "_get_object_data")
    replace(athena, "_execute_query", ("query_id", "query", "database", "ddl", "catalog"), _counting_bytes)
    replace(athena, "_run_duckdb", ("query", "database", "catalog"), _translating)
    replace(athena, "_materialize_table_files", ("location", "workdirs"), _folding_folders)
    replace(athena, "_save_query_results", ("query_id",), lambda _original: _save)


# --- Step Functions ---------------------------------------------------------------------------------------------------


def _start(resource: str, data: Json) -> Json:
    if resource not in {_RESOURCE, f"{_RESOURCE}.sync"}:
        raise stepfunctions._ExecutionError("States.Runtime", f"The resource provided {resource} is not recognized.")
    try:
        started: Json = stepfunctions._invoke_aws_sdk_integration(f"{_SDK}startQueryExecution", data)
    except stepfunctions._ExecutionError as error:  # Athena.InvalidRequest… as the first Java SDK names it
        raise stepfunctions._ExecutionError(f"Athena.{error.error.rpartition('.')[2]}", error.cause) from error
    if resource == _RESOURCE:
        return started
    while True:
        found = stepfunctions._invoke_aws_sdk_integration(f"{_SDK}getQueryExecution", started)
        state = found["QueryExecution"]["Status"]["State"]
        if state == "SUCCEEDED":
            return {"QueryExecution": found["QueryExecution"]}
        if state in {"FAILED", "CANCELLED"}:
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(found, default=str))
        time.sleep(_POLL_SECONDS)


# --- queries ----------------------------------------------------------------------------------------------------------


def _counting_bytes(execute: Any) -> Any:
    async def execute_query(query_id: str, query: str, database: str, ddl: Any, catalog: str | None = None) -> None:
        execution = athena._executions.get(query_id) or {}
        _workgroup.set(execution.get("WorkGroup", "primary"))
        _scanned.set([])
        await execute(query_id, query, database, ddl, catalog)
        if execution:
            execution["Statistics"]["DataScannedInBytes"] = sum(_scanned.get())

    return execute_query


def _translating(run: Any) -> Any:
    async def run_duckdb(query: str, database: str, catalog: str | None = None) -> Json:
        import asyncio

        from localcloud.emulator import athena_engine as engine

        def table_named(db: str, name: str) -> engine.Table | None:
            table: engine.Table | None = glue._tables.get(f"{db or database}/{name}")
            return table if table is not None and engine.lists_files(table) else None

        if not any(table_named(*name) for name in engine.tables_in(query)):
            result: Json = await run(engine.translated(query), database, catalog)
            return result
        found = await asyncio.to_thread(engine.answer, query, table_named, _read, _listing, byte_limit=_byte_limit())
        _scanned.get().append(found.scanned_bytes)
        return {
            "columns": found.columns,
            "column_types": ["varchar"] * len(found.columns),
            "rows": [list(row) for row in found.rows],
        }

    return run_duckdb


def _byte_limit() -> int | None:
    configuration = (athena._workgroups.get(_workgroup.get()) or {}).get("Configuration") or {}
    limit = configuration.get("BytesScannedCutoffPerQuery")
    return None if limit is None else int(limit)


def _read(address: str) -> bytes:
    parts = urlsplit(address)
    content: bytes | None = s3._get_object_data(parts.netloc, parts.path.lstrip("/"))
    if content is None:
        raise FileNotFoundError(f"HIVE_CANNOT_OPEN_SPLIT: {address} does not exist")
    return content


def _listing(folder: str) -> list[str]:
    parts = urlsplit(folder)
    bucket = s3._buckets.get(parts.netloc) or {"objects": {}}
    prefix = parts.path.lstrip("/")
    return [f"s3://{parts.netloc}/{key}" for key in sorted(bucket["objects"]) if key.startswith(prefix)]


def _folding_folders(materialize: Any) -> Any:
    """AWS writes `BILLING_PERIOD=2026-01`; the key in Glue is lower-case."""

    def materialize_table_files(location: str, workdirs: list[str]) -> list[str]:
        files = []
        for name in materialize(location, workdirs):
            root = next(folder for folder in workdirs if name.startswith(folder))
            parts = Path(name).relative_to(root).parts
            path = Path(root, *(_FOLDER.sub(lambda found: found[0].lower(), part) for part in parts))
            if path != Path(name):
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(name, path)
            files.append(str(path))
        _scanned.get([]).append(sum(Path(each).stat().st_size for each in files))
        return files

    return materialize_table_files


async def _save(query_id: str) -> None:
    """Write the result where `OutputLocation` says; every value is quoted, NULL is not."""
    execution = athena._executions.get(query_id)
    output = io.StringIO()
    writer = csv.writer(output, quoting=csv.QUOTE_NOTNULL, lineterminator="\n")
    writer.writerow(execution["_results"]["columns"])
    writer.writerows([None if cell is None else str(cell) for cell in row] for row in execution["_results"]["rows"])
    content = output.getvalue().encode()
    parts = urlsplit(execution["ResultConfiguration"]["OutputLocation"])
    headers = {"content-type": "application/octet-stream", "content-length": str(len(content))}
    status, _, body = s3._put_object(parts.netloc, parts.path.lstrip("/"), content, headers)[:3]
    if status >= 300:
        raise OSError(f"the result could not be written to S3: {body!r}")
