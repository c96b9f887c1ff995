"""Ask a staged endpoint its golden question."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from bellwether.models.domain.bundle_manifest import Golden
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import DeploymentPlan
from bellwether.models.domain.golden import VERSION_FIELD, differences
from bellwether.models.domain.specs import ModelSpec
from bellwether.models.ports.predictor import Predictor
from bellwether.shared.domain.errors import InvalidInputError, UpstreamError
from bellwether.shared.domain.json_documents import parse_document
from bellwether.shared.ports.objects import ObjectStore

SHOWN_DIFFERENCES = 5


class SmokeTest(BaseModel):
    """Whether the endpoint answered as the model did when it was trained; `latency_ms` is None without an answer."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    reason: str
    latency_ms: float | None


def smoke_test_endpoint(plan: DeploymentPlan, *, objects: ObjectStore, predictor: Predictor) -> SmokeTest:
    """Compare the answer to the golden request with the golden answer, and its version with the bundle.

    An endpoint that refuses or fails has not passed; one that is not ready raises TransientUpstreamError.
    """
    spec = model_spec(plan.model)
    golden = parse_document(Golden, objects.get(plan.golden_key).content, plan.golden_key)
    try:
        answer = predictor.invoke(plan.endpoint_name, json.dumps(golden.request).encode())
    except (InvalidInputError, UpstreamError) as error:
        return SmokeTest(passed=False, reason=f"the golden request was refused: {error}", latency_ms=None)
    wrong = _wrong(spec, plan, golden, answer.body)
    return SmokeTest(
        passed=not wrong,
        reason="; ".join(wrong[:SHOWN_DIFFERENCES]) or "the golden request was answered as in training",
        latency_ms=round(answer.latency_ms, 1),
    )


def _wrong(spec: ModelSpec, plan: DeploymentPlan, golden: Golden, body: bytes) -> list[str]:
    try:
        observed: Any = json.loads(body)
    except ValueError:
        return ["the response is not JSON"]
    version = spec.model_version(plan.bundle_sha256)
    if not isinstance(observed, dict) or observed.get(VERSION_FIELD) != version:
        seen = observed.get(VERSION_FIELD) if isinstance(observed, dict) else None
        return [f"{VERSION_FIELD} is {str(seen)[:60]}, expected {version}"]
    return list(differences(golden.response, observed, relative_tolerance=spec.golden_relative_tolerance))
