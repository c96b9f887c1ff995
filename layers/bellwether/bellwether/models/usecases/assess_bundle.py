"""Judge a bundle that arrived finished, by the figures that came with it, and keep the evidence."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bellwether.models.domain.bundle import EVALUATION_FILE
from bellwether.models.domain.catalogue import classifier_spec
from bellwether.models.ports.bundle_archives import BundleArchives
from bellwether.models.usecases.record_assessment import Assessment, Origin, read_candidate, record_assessment
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore

ACTOR = "bellwether:assess_bundle"


class BundleRequest(BaseModel):
    """A bundle and its figures, laid down where a training job called `job_name` would have left its model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    job_name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    requested_by: Annotated[str, Field(max_length=400)] = "unknown"


def assess_bundle(
    request: BundleRequest, *, bucket: str, archives: BundleArchives, objects: ObjectStore, clock: Clock
) -> Assessment:
    """Check that bundle and figures belong together, put the figures through the gate, keep the evidence.

    Raises InvalidInputError for figures that are broken or about something else, BundleTamperedError for a bundle that
    is not the one measured, NotFoundError for a model that does not arrive so, or a bundle that is not there.
    """
    spec = classifier_spec(request.model)
    folder = f"models/{spec.name}/jobs/{request.job_name}/output/"
    evaluation = objects.get(folder + EVALUATION_FILE).content
    candidate = read_candidate(spec, evaluation, f"s3://{bucket}/{folder}model.tar.gz", archives)
    origin = Origin(job_name=request.job_name, requested_by=request.requested_by, actor=ACTOR, lineage={}, facts={})
    return record_assessment(candidate, origin, bucket=bucket, objects=objects, clock=clock)
