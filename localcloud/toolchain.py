"""Where the programs are that make up the cloud: one environment for each whose pins clash with the others."""

from dataclasses import dataclass
from pathlib import Path

from localcloud.errors import MissingToolError
from localcloud.home import PROJECT


@dataclass(frozen=True)
class Toolchain:
    """Interpreters and programs below `project`."""

    project: Path = PROJECT

    @property
    def project_bin(self) -> Path:
        """Holds `python3.13`, which `sam build` wants on the PATH."""
        return self.project / ".venv" / "bin"

    @property
    def project_python(self) -> Path:
        return self._existing(self.project_bin / "python")

    @property
    def emulator_python(self) -> Path:
        return self._existing(self._environment("ministack") / "python")

    @property
    def function_python(self) -> Path:
        """Holds what Lambda's python3.13 holds."""
        return self._existing(self._environment("runtime") / "python")

    @property
    def sagemaker_python(self) -> Path:
        """Holds what the SageMaker container holds."""
        return self._existing(self._environment("sagemaker") / "python")

    @property
    def sam(self) -> Path:
        return self._existing(self._environment("sam") / "sam")

    def _environment(self, name: str) -> Path:
        return self.project / ".venvs" / name / "bin"

    def _existing(self, program: Path) -> Path:
        if not program.exists():
            raise MissingToolError(f"{program.relative_to(self.project)} is missing: run `make cloud`")
        return program
