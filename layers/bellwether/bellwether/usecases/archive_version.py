"""Carry out one act of the archive; a second time changes nothing."""

from bellwether.domain.archive import Shelving, ShelvingAct
from bellwether.domain.decisions import Outcome, Verdict
from bellwether.domain.errors import InvalidInputError
from bellwether.ports.archive import ObjectMarks, ServingParts, VersionMarks
from bellwether.ports.clock import Clock

STATUS = {Shelving.ARCHIVE: "archived", Shelving.RESTORE: "restored", Shelving.DELETE_ENDPOINT: "deleted"}


def archive_version(
    act: ShelvingAct, *, parts: ServingParts, marks: VersionMarks, objects: ObjectMarks, clock: Clock
) -> Outcome:
    """Take away what a version was served by, tag its bundle, mark the version; or the reverse; or delete an endpoint.

    The registered version and its bundle stay: a rollback makes everything else anew. The mark comes last, so that an
    act cut short is planned again. Raises InvalidInputError for an act that was not accepted, ConflictError for an
    endpoint that is changing.
    """
    if act.decision.verdict is not Verdict.ACCEPTED:
        raise InvalidInputError("was refused", field="decision")
    if act.act is Shelving.DELETE_ENDPOINT:
        parts.delete_endpoint(act.endpoint_name)
    else:
        archived = act.act is Shelving.ARCHIVE
        if archived and act.model_name:
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
