"""tar.gz: packed the same way every time, unpacked without trust."""

import gzip
import tarfile
from pathlib import Path

from localcloud.sagemaker.errors import JobError


def pack(folder: Path, target: Path) -> None:
    """Pack what is below `folder`. The same content gives the same bytes: order, owner and times are fixed."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=_plain)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into `folder`, refusing whatever would leave it. Raises JobError."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:*") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise JobError(f"ClientError: can't unpack {archive.name}: {type(error).__name__}: {error}") from error


def _plain(item: tarfile.TarInfo) -> tarfile.TarInfo:
    item.uid = item.gid = 0
    item.uname = item.gname = ""
    item.mtime = 0
    item.mode = 0o755 if item.isdir() or item.mode & 0o100 else 0o644
    return item
