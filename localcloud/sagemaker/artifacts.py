"""Model archives: fetched from S3 once for each content, unpacked, and turned into something that can be started."""

import shutil
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from localcloud.sagemaker import archives
from localcloud.sagemaker.configuration import Configuration
from localcloud.sagemaker.container import base_environment
from localcloud.sagemaker.documents import Document
from localcloud.sagemaker.errors import JobError
from localcloud.sagemaker.objects import ObjectStore
from localcloud.sagemaker.workers import InferenceProgram

_OPT_ML_MODEL = "/opt/ml/model"
_EXPECTED_SHA256 = "BELLWETHER_ARCHIVE_SHA256"  # in a container's environment: the only archive that it may load


@dataclass(frozen=True)
class ModelSource:
    """A model's archive and its container's environment; `etag` pins the content that was deployed."""

    model_data_url: str
    etag: str
    environment: Mapping[str, str]

    def document(self) -> Document:
        """As JSON."""
        return {
            "model_data_url": self.model_data_url,
            "etag": self.etag,
            "environment": dict(self.environment),
        }

    @classmethod
    def of(cls, document: Document) -> Self:
        """From JSON."""
        return cls(document["model_data_url"], document["etag"], document["environment"])


class Artifacts:
    """The unpacked models on this machine."""

    def __init__(self, configuration: Configuration, objects: ObjectStore) -> None:
        self._configuration = configuration
        self._objects = objects
        self._lock = threading.Lock()

    def pin(self, model_data_url: str, environment: Mapping[str, str]) -> ModelSource:
        """The model as it is in S3 now. Raises JobError when it is not there."""
        etag = self._objects.etag(model_data_url)
        if etag is None:
            raise JobError(f"ClientError: Could not find model data at {model_data_url}.")
        return ModelSource(model_data_url, etag, environment)

    def program(self, source: ModelSource) -> InferenceProgram:
        """Something to start, with the archive unpacked. Raises JobError, also when S3 has other content by now."""
        model_dir = self._unpacked(source.model_data_url, source.etag, source.environment.get(_EXPECTED_SHA256))
        folder = model_dir.parent
        environment = {name: value.replace(_OPT_ML_MODEL, str(model_dir)) for name, value in source.environment.items()}
        submitted = environment.get("SAGEMAKER_SUBMIT_DIRECTORY") or str(model_dir / "code")
        if submitted.startswith("s3://"):
            etag = self._objects.etag(submitted)
            if etag is None:
                raise JobError(f"ClientError: Could not find sources at {submitted}.")
            submitted = str(self._unpacked(submitted, etag))
        configuration = self._configuration
        return InferenceProgram(
            interpreter=configuration.interpreter,
            program=Path(submitted) / (environment.get("SAGEMAKER_PROGRAM") or "inference.py"),
            model_dir=model_dir,
            environment={
                **base_environment(folder, configuration.interpreter, configuration.s3_url, configuration.region),
                "PYTHONDONTWRITEBYTECODE": "1",  # the model folder stays as it was unpacked
                "SM_MODEL_DIR": str(model_dir),
                **environment,
            },
        )

    def keep_only(self, sources: list[ModelSource]) -> None:
        """Remove every unpacked model that is none of these."""
        root = self._configuration.home / "artifacts"
        wanted = {self._configuration.artifact_folder(item.model_data_url, item.etag) for item in sources}
        if root.is_dir():
            for folder in root.iterdir():
                if folder not in wanted:
                    shutil.rmtree(folder, ignore_errors=True)

    def _unpacked(self, url: str, etag: str, expected_sha256: str | None = None) -> Path:
        folder = self._configuration.artifact_folder(url, etag)
        content = folder / "content"
        with self._lock:
            if not content.is_dir():
                if self._objects.etag(url) != etag:
                    raise JobError(f"ClientError: {url} changed after the endpoint was deployed.")
                folder.mkdir(parents=True, exist_ok=True)
                archive = folder / "archive.tar.gz"
                archive.write_bytes(self._objects.read(url))
                fresh = folder / f"unpacking-{uuid.uuid4().hex}"
                try:
                    archives.check_sha256(archive, expected_sha256)
                    archives.unpack(archive, fresh)
                    fresh.rename(content)
                finally:
                    shutil.rmtree(fresh, ignore_errors=True)
                    archive.unlink(missing_ok=True)
        return content
