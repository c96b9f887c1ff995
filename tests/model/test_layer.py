"""The job travels as a layer and as a source directory; both hold the sources and nothing else."""

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

from jobs.training.learning.housing import candidate as housing
from jobs.training.learning.macro import candidate as macro
from tests.model.conftest import TRAINING

FOREIGN = {"pickle", "joblib", "bellwether", "functions", "boto3", "pydantic"}
NOT_SERVED = {"pandas", "sklearn", "mlflow", "optuna"}  # a cold start of the endpoint must not pay for them


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_layer_holds_the_sources_and_no_caches(tmp_path: Path) -> None:
    # Given the layer's makefile, when it builds
    command = ["make", "--silent", "build-JobsLayer", f"ARTIFACTS_DIR={tmp_path}"]
    subprocess.run(command, cwd=TRAINING.parent, check=True, timeout=60)
    # Then the job is importable as jobs.training, and no cache came along
    built = tmp_path / "python" / "jobs" / "training"
    assert {"__init__.py", "train.py", "inference.py", "requirements.txt", "setup.py", "learning"} <= {
        path.name for path in built.iterdir()
    }
    assert not [path for path in built.rglob("*") if path.name == "__pycache__" or path.suffix == ".pyc"]


def test_the_job_imports_no_pickle_and_nothing_that_the_image_lacks() -> None:
    # Given every module of the job, then only tuning and tracking import what requirements.txt adds to the image
    for path in sorted(TRAINING.rglob("*.py")):
        roots = _imported(ast.parse(path.read_text(encoding="utf-8")))
        assert roots.isdisjoint(FOREIGN), path
        if roots & {"optuna", "mlflow"}:
            assert path.name in {"tuning.py", "tracking.py"}


@pytest.mark.parametrize("served", [housing.SERVED, macro.SERVED], ids=["housing", "macro"])
def test_the_endpoint_s_code_is_all_that_it_imports(served: tuple[str, ...]) -> None:
    # Given the modules that a bundle carries, then each import among them is carried too, and none serves training only
    carried = set(served)
    for name in carried:
        package = Path(name).parent
        tree = ast.parse((TRAINING / name).read_text(encoding="utf-8"))
        assert _imported(tree).isdisjoint(NOT_SERVED), name
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                folder = [package, *package.parents][node.level - 1]
                modules = [node.module.replace(".", "/")] if node.module else [alias.name for alias in node.names]
                for module in modules:
                    assert f"{(folder / module).as_posix()}.py" in carried, f"{name} imports {module}"


def _imported(tree: ast.Module) -> set[str]:
    """Top-level names of the absolute imports."""
    nodes = list(ast.walk(tree))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    return {name.split(".")[0] for name in names}
