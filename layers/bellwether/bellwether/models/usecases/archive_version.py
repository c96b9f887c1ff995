"""Carry out one act of the archive; a second time changes nothing."""

from bellwether.models.domain.archive import ArchiveAction, ArchiveStep
from bellwether.models.ports.archive import ObjectMarks, ServingParts, VersionMarks
from bellwether.models.ports.endpoints import EndpointStates
from bellwether.shared.domain.decisions import Outcome, Verdict
from bellwether.shared.domain.errors import ConflictError, InvalidInputError
from bellwether.shared.ports.clock import Clock

STATUS = {
    ArchiveAction.ARCHIVE: "archived",
    ArchiveAction.RESTORE: "restored",
    ArchiveAction.DELETE_ENDPOINT: "deleted",
}


def archive_version(
    act: ArchiveStep,
    *,
    endpoints: EndpointStates,
    parts: ServingParts,
    marks: VersionMarks,
    objects: ObjectMarks,
    clock: Clock,
) -> Outcome:
    """Take away what a version was served by, tag its bundle, mark the version; or the reverse; or delete an endpoint.

    The registered version and its bundle stay: a rollback makes everything else anew. The mark comes last, so that an
    act cut short is planned again. Raises InvalidInputError for an act that was not accepted, ConflictError for an
    endpoint that is changing, and for a version that came into service after the act was planned.
    """
    if act.decision.verdict is not Verdict.ACCEPTED:
        raise InvalidInputError("was refused", field="decision")
    if act.act is ArchiveAction.DELETE_ENDPOINT:
        parts.delete_endpoint(act.endpoint_name)
    else:
        archived = act.act is ArchiveAction.ARCHIVE
        if archived and act.model_name:
            _refuse_what_serves(act, endpoints)
            parts.delete_config(act.endpoint_config_name)
            parts.delete_model(act.model_name)
        for uri in act.objects:
            objects.mark(uri, archived=archived)
        marks.mark(act.model_package_arn, archived=archived)
    return Outcome(
        decision_id=act.decision.decision_id,
        status=STATUS[act.act],
        observed_at=clock.now(),
        details={"subject": act.decision.subject, "objects": len(act.objects)},
    )


def _refuse_what_serves(act: ArchiveStep, endpoints: EndpointStates) -> None:
    for name in act.serving_endpoints:
        state = endpoints.find(name)
        if state is not None and act.endpoint_config_name in {state.config_name, state.pending_config_name}:
            raise ConflictError(f"endpoint {name} now uses {act.endpoint_config_name}")
