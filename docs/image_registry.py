"""Write the accounts that publish SageMaker's XGBoost image into stacks/models.yaml. `make image-registry` runs it.

The source is the data of `sagemaker.core.image_uris`. Its `retrieve` gives the same URI, but takes seconds to import.
"""

import json
import re
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

STACK = Path(__file__).resolve().parents[1] / "stacks" / "models.yaml"
FRAMEWORK, VERSION = "xgboost", "3.2-0"
OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso")


def registry_accounts() -> Mapping[str, str]:
    """Account by region, for the regions of AWS's commercial partition."""
    data = next(path for path in distribution("sagemaker-core").files or () if path.name == f"{FRAMEWORK}.json")
    registries = json.loads(data.read_text())["training"]["versions"][VERSION]["registries"]
    return {region: registries[region] for region in sorted(registries) if not region.startswith(OTHER_PARTITIONS)}


def with_registry(template: str) -> str:
    """The template with its generated mapping made anew."""
    rows = "\n".join(f'    {region}: {{ Account: "{account}" }}' for region, account in registry_accounts().items())
    generated = r"(?<=  XgboostRegistry: )(#[^\n]*\n).*?(?=\n\n)"
    return re.sub(generated, lambda found: found[1] + rows, template, flags=re.DOTALL)


if __name__ == "__main__":
    STACK.write_text(with_registry(STACK.read_text()))
