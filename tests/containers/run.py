"""`make test-containers`: every function with its sample events in real containers, by `sam local invoke`.

Without a Docker daemon or an image of Lambda's Python it says so and exits 0. BELLWETHER_LAMBDA_IMAGE chooses the
image: nothing for the one that AWS publishes, `build` for a stand-in made of this machine's own Python (no registry
needed), anything else is the tag of an image that is there. Arguments are beginnings of case names.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from localcloud import flat_template
from tests.containers import base_image, docker, world
from tests.containers.cases import CASES, Case
from tests.places import EVENTS, ROOT

BUILD = ROOT / ".aws-sam/build"
IMAGE_VARIABLE = "BELLWETHER_LAMBDA_IMAGE"
INVOKE_LIMIT_SECONDS = 300


class NoImageError(Exception):
    """There is no image to run functions in; the message says why."""


@dataclass(frozen=True)
class Invocation:
    """What a function gave back, or the error it ended in, and what `sam local invoke` said besides."""

    result: Any
    error: str | None
    log: str


def main(arguments: list[str]) -> int:
    """Run the cases and print one line for each; 0 when all went as they must or nothing could be run."""
    try:
        version = docker.find()
    except docker.NoDockerError as reason:
        print(f"skipped: no Docker daemon, because {reason}")
        return 0
    try:
        image = _image()
    except NoImageError as reason:
        print(f"skipped: no image to run functions in, because {reason}")
        return 0
    chosen = [case for case in CASES if not arguments or case.name.startswith(tuple(arguments))]
    failures = _without_case() if not arguments else []
    print(f"{len(chosen)} events in {image}, Docker {version}")
    with TemporaryDirectory(prefix="bellwether-invoke-") as folder, world.running(image) as here:
        flat = flat_template.flatten(BUILD, here.values, here.endpoints, architecture=base_image.architecture())
        (Path(folder) / "template.json").write_text(json.dumps(flat))
        idle = _without_event(flat)
        failures += [] if arguments else idle
        for case in chosen:
            failures += _report(case, here, Path(folder), image)
    print("\n".join(["", *failures, f"{len(failures)} failed"]) if failures else "all as expected")
    return 1 if failures else 0


def _image() -> str:
    wanted = os.environ.get(IMAGE_VARIABLE, "")
    if wanted == "build":
        return base_image.build_stand_in()
    image = wanted or base_image.published()
    if not docker.has_image(image):
        try:
            docker.pull(image)
        except docker.DockerError as error:
            reason = str(error).splitlines()[-1]
            raise NoImageError(f"{image}: {reason} ({IMAGE_VARIABLE}=build makes a stand-in)") from error
    return image


def _without_case() -> list[str]:
    known = {case.name for case in CASES}
    names = sorted(str(path.relative_to(EVENTS).with_suffix("")) for path in EVENTS.glob("*/*/*.json"))
    return [f"{name}: no expected result in cases.py" for name in names if name not in known]


def _without_event(flat: dict[str, Any]) -> list[str]:
    invoked = {case.function for case in CASES}
    functions = [name for name, part in flat["Resources"].items() if part["Type"] == "AWS::Serverless::Function"]
    return [f"{name}: no sample event" for name in functions if name not in invoked]


def _report(case: Case, here: world.World, folder: Path, image: str) -> list[str]:
    began = time.monotonic()
    event = case.given(here, json.loads((EVENTS / f"{case.name}.json").read_text()))
    (folder / "event.json").write_text(json.dumps(event))
    invocation = _invoke(case, here, folder, image)
    wrong = differences(case, invocation)
    if not wrong:
        try:
            case.then(here)
        except AssertionError as error:
            wrong = str(error)
    seconds = time.monotonic() - began
    print(f"  {'FAILED' if wrong else 'ok':6} {seconds:5.1f} s  {case.name}: {case.error or 'succeeds'}", flush=True)
    if wrong:
        print(invocation.log, file=sys.stderr, flush=True)
    return [f"{case.name}: {wrong}"] if wrong else []


def _invoke(case: Case, here: world.World, folder: Path, image: str) -> Invocation:
    finished = subprocess.run(
        [
            *(str(ROOT / ".venvs/sam/bin/sam"), "local", "invoke", case.function),
            *("--template", str(folder / "template.json"), "--event", str(folder / "event.json")),
            *("--invoke-image", image, "--skip-pull-image", "--region", world.CREDENTIALS["AWS_REGION"]),
            *("--layer-cache-basedir", str(folder / "layers")),
        ],
        cwd=folder,
        # The URL is for sam's own question whose account this is: unanswered, it would wait for 10 seconds.
        env={
            **os.environ,
            **world.CREDENTIALS,
            "AWS_ENDPOINT_URL": here.aws_url,
            "DOCKER_HOST": docker.host(),
            "SAM_CLI_TELEMETRY": "0",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=INVOKE_LIMIT_SECONDS,
    )
    return understand(finished.stdout, finished.stderr)


def understand(stdout: str, stderr: str) -> Invocation:
    """Read what `sam local invoke` printed: it exits with 0 when the function raised, only its last line tells."""
    log = f"{stderr}\n{stdout}"
    try:
        result = json.loads(stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return Invocation(None, "no result", log)
    error = result.get("errorType") if isinstance(result, dict) and "errorMessage" in result else None
    return Invocation(result, error, log)


def differences(case: Case, invocation: Invocation) -> str:
    if invocation.error != case.error:
        return f"ended in {invocation.error or 'success'} instead of {case.error or 'success'}: {invocation.result}"
    if case.error is None and not _contains(invocation.result, dict(case.result)):
        return f"gave {invocation.result} instead of {dict(case.result)}"
    return ""


def _contains(whole: Any, part: Any) -> bool:
    """Whether every key that `part` names is in `whole` with that value; of a list, in each of its elements."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and _contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(_contains, whole, part))
    return bool(whole == part)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except flat_template.TemplateError as error:
        sys.exit(str(error))
