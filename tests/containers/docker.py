"""The Docker daemon, by its command line."""

import json
import os
import shutil
import subprocess
from pathlib import Path

BRIDGE = "bridge"
_PROBE_SECONDS = 20


class NoDockerError(Exception):
    """There is no daemon to talk to; the message says why."""


class DockerError(Exception):
    """The daemon refused a command; the message is what it said."""


def find() -> str:
    """The daemon's version; raises NoDockerError."""
    if shutil.which("docker") is None:
        raise NoDockerError("the docker command is not installed")
    try:
        answer = _docker("version", "--format", "{{.Server.Version}}", timeout_seconds=_PROBE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise NoDockerError(f"the daemon did not answer within {_PROBE_SECONDS} s") from error
    except DockerError as error:
        raise NoDockerError(str(error).splitlines()[-1]) from error
    return answer.strip()


def host() -> str:
    """The daemon's address, which programs that know nothing of Docker's contexts find in DOCKER_HOST."""
    return os.environ.get("DOCKER_HOST") or _docker("context", "inspect", "-f", "{{.Endpoints.docker.Host}}").strip()


def has_image(tag: str) -> bool:
    """Whether the image is here already."""
    return bool(_docker("images", "--quiet", tag).strip())


def pull(tag: str) -> None:
    """Fetch an image from its registry; raises DockerError."""
    _docker("pull", "--quiet", tag)


def import_image(root: Path, tag: str, changes: list[str]) -> None:
    """Make an image of one layer from a root file system."""
    options = [option for change in changes for option in ("--change", change)]
    with subprocess.Popen(
        ["tar", "-C", str(root), "--owner=0", "--group=0", "-c", "."], stdout=subprocess.PIPE
    ) as archive:
        finished = subprocess.run(
            ["docker", "import", *options, "-", tag], stdin=archive.stdout, capture_output=True, text=True, check=False
        )
    if finished.returncode != 0 or archive.returncode != 0:
        raise DockerError(finished.stderr.strip() or "tar failed")


def remove_untagged(label: str) -> None:
    """Remove images of ours that newer ones have replaced."""
    _docker("image", "prune", "--force", "--filter", f"label={label}")


def run(image: str, *command: str) -> str:
    """Run a command in a container of its own and return what it printed."""
    return _docker("run", "--rm", "--entrypoint", command[0], image, *command[1:])


def bridge_address() -> str:
    """This host's address on the containers' network."""
    config = json.loads(_docker("network", "inspect", BRIDGE))[0]["IPAM"]["Config"][0]
    if gateway := config.get("Gateway"):
        return str(gateway)
    return str(config["Subnet"]).rsplit(".", 1)[0] + ".1"


def _docker(*arguments: str, timeout_seconds: float = 600) -> str:
    finished = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=timeout_seconds
    )
    if finished.returncode != 0:
        raise DockerError(finished.stderr.strip() or f"docker {arguments[0]} exited with {finished.returncode}")
    return finished.stdout
