"""The training job's code, as it travels beside ours in a layer."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

LEFT_OUT = frozenset({"__pycache__", "Makefile"})


class PackagedJobCode:
    """JobCode of a package such as `jobs.training`; its files lie at the root of the tar."""

    def __init__(self, package: str = "jobs.training") -> None:
        self._package = package

    def pack(self) -> bytes:
        """A gzipped tar without times and owners: the same bytes for the same code."""
        buffer = io.BytesIO()
        with (
            gzip.GzipFile(filename="", fileobj=buffer, mode="wb", mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for name, content in sorted(_walk(files(self._package), "")):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o644
                tar.addfile(member, io.BytesIO(content))
        return buffer.getvalue()


def _walk(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.name in LEFT_OUT or entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, f"{path}{entry.name}/")
        elif not entry.name.endswith(".pyc"):
            yield f"{path}{entry.name}", entry.read_bytes()
