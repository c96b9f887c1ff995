"""The image that functions run in: AWS's own, or where no registry is at hand a stand-in made of this machine's Python.

The stand-in has what `sam local invoke` and the functions rely on: CPython 3.13 under /var/lang, awslambdaric and boto3
under /var/runtime, the glibc of this machine, and the few programs that SAM's own Dockerfile runs. It is no Amazon
Linux: it shows that code and layers load and work, not that wheels fit an older glibc.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.containers import docker
from tests.places import ROOT

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
RUNTIME_CLIENT = "awslambdaric==4.2.2"
STAND_IN = "bellwether/lambda-python-stand-in"
LABEL = "bellwether.stand-in=python"

_PROGRAMS = ("sh", "mv", "cp", "rm", "chmod")
_LIBRARIES = (  # compiled wheels ask for more of glibc and libstdc++ than CPython itself does
    *("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libresolv.so.2"),
    *("libanl.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libgcc_s.so.1", "libstdc++.so.6"),
)
_LEFT_OUT = (
    "test",
    "idlelib",
    "tkinter",
    "ensurepip",
    "turtledemo",
    "site-packages",
    "__pycache__",
    "config-*",
    "_tkinter*",
)
_SEARCH_PATH = "/var/lang/lib:/lib64:/usr/lib64:/lib/host:/var/runtime:/var/task:/var/task/lib:/opt/lib"
_BOOTSTRAP = f"""\
#!/bin/sh
export AWS_EXECUTION_ENV=AWS_Lambda_{PYTHON}
export PYTHONPATH=/var/task:/opt/python/lib/{PYTHON}/site-packages:/opt/python:/var/runtime
exec /var/lang/bin/{PYTHON} -m awslambdaric "${{_HANDLER:-$AWS_LAMBDA_FUNCTION_HANDLER}}"
"""


def architecture() -> str:
    """Lambda's name for this machine's processor."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def published() -> str:
    """The image that AWS publishes."""
    return f"public.ecr.aws/lambda/python:3.13-{architecture()}"


def build_stand_in() -> str:
    """Make the stand-in anew and return its tag; takes a few seconds."""
    with TemporaryDirectory(prefix="bellwether-lambda-image-") as folder:
        root = Path(folder) / "root"
        _lay_out(root)
        docker.import_image(
            root,
            STAND_IN,
            [
                f"LABEL {LABEL}",
                "WORKDIR /var/task",
                "ENV PATH=/var/lang/bin:/usr/bin:/bin LANG=C.UTF-8 TZ=:UTC LAMBDA_TASK_ROOT=/var/task "
                f"LAMBDA_RUNTIME_DIR=/var/runtime LD_LIBRARY_PATH={_SEARCH_PATH}",
            ],
        )
    docker.remove_untagged(LABEL)
    return STAND_IN


def _lay_out(root: Path) -> None:
    for folder in (
        "bin",
        "usr/bin",
        "etc",
        "lib/host",
        "proc",
        "sys",
        "dev",
        "opt",
        "var/task",
        "var/runtime",
        "var/rapid",
    ):
        (root / folder).mkdir(parents=True)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    _copy_python(root / "var/lang")
    _copy_runtime(root / "var/runtime")
    for program in _PROGRAMS:
        shutil.copy2(str(shutil.which(program)), root / "bin" / program)
    _copy_libraries(root)


def _copy_python(target: Path) -> None:
    """The interpreter and its standard library, wherever the project's environment took them from."""
    base = Path(sys.base_prefix)
    (target / "bin").mkdir(parents=True)
    shutil.copy2((base / "bin" / PYTHON).resolve(), target / "bin" / PYTHON)
    (target / "bin/python3").symlink_to(PYTHON)
    shutil.copytree(
        base / "lib" / PYTHON, target / "lib" / PYTHON, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True
    )
    (target / "lib" / PYTHON / "site-packages").mkdir()
    for library in (base / "lib").glob("libpython3*.so*"):
        shutil.copy2(library.resolve(), target / "lib" / library.name)


def _copy_runtime(target: Path) -> None:
    """boto3 at the version that the project pins for the runtime, and the client of Lambda's runtime API."""
    packages = ROOT / ".venvs/runtime/lib" / PYTHON / "site-packages"
    shutil.copytree(packages, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pth"))
    subprocess.run(
        [
            str(ROOT / ".venvs/uv/bin/uv"),
            *("pip", "install", "--quiet", "--python", sys.executable, "--target", str(target), RUNTIME_CLIENT),
        ],
        check=True,
    )
    bootstrap = target / "bootstrap"
    bootstrap.write_text(_BOOTSTRAP)
    bootstrap.chmod(0o755)


def _copy_libraries(root: Path) -> None:
    known = dict(re.findall(r"^\s*(\S+) \(libc6.*\) => (\S+)$", _output("ldconfig", "-p"), re.MULTILINE))
    wanted = {name: known[name] for name in _LIBRARIES if name in known}
    compiled = [*root.glob("bin/*"), root / "var/lang/bin" / PYTHON, *root.glob("var/**/*.so")]
    for file in compiled:
        for name, path in re.findall(r"^\s*(\S+)(?: => (\S+))? \(0x", _output("ldd", str(file)), re.MULTILINE):
            if name.startswith("/"):  # the loader: its path is written into every program
                loader = root / name.lstrip("/")
                loader.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(name, loader)
            elif path and not name.startswith("libpython"):
                wanted[name] = path
    for name, path in wanted.items():
        shutil.copy2(Path(path).resolve(), root / "lib/host" / name)


def _output(*command: str) -> str:
    environment = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stdout
