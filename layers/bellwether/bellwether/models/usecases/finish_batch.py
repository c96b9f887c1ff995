"""Hold a batch's answers against its lines, and write down what became of it."""

from hashlib import sha256

from pydantic import BaseModel, ConfigDict

from bellwether.models.domain.batch import (
    Answered,
    BatchOrder,
    BatchReport,
    RefusedLine,
    gates_of,
    line_numbers,
    read_answers,
)
from bellwether.shared.domain.decisions import Decision, Kind, Verdict, decide
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore

ACTOR = "bellwether:finish_batch"


class FinishedBatch(BaseModel):
    """Whether every line has its answer, where answers and report lie, and the decision that says so."""

    model_config = ConfigDict(frozen=True)

    complete: bool
    message: str
    lines: int
    answers: int
    refused: int
    refusals: tuple[RefusedLine, ...]
    output_key: str | None
    report_key: str
    decision: Decision


def finish_batch(order: BatchOrder, *, objects: ObjectStore, clock: Clock) -> FinishedBatch:
    """Count the answers, and put the report beside them.

    Raises NotFoundError for answers that are not there, InvalidInputError when the lines were changed meanwhile.
    """
    content = objects.get(order.input_key).content
    if sha256(content).hexdigest() != order.input_sha256:
        raise InvalidInputError("was changed during the batch", field=order.input_key)
    output_key = order.output_key if order.lines else None
    output = b"" if output_key is None else objects.get(output_key).content
    answered = read_answers(output, line_numbers(content))
    now = clock.now()
    report = BatchReport(
        model=order.model,
        name=order.name,
        job_name=order.job_name,
        version=order.version,
        model_version=order.model_version,
        input_sha256=order.input_sha256,
        lines=order.lines,
        answers=answered.answers,
        refused=answered.refused,
        unreadable=answered.unreadable,
        refusals=answered.refusals,
        output_key=output_key,
        finished_at=now,
    )
    objects.put(order.report_key, report.model_dump_json(indent=1).encode(), content_type="application/json")
    decision = decide(
        kind=Kind.PREDICT_BATCH,
        subject=f"{order.model}/{order.name}",
        key=order.job_name,
        gates=gates_of(order, answered),
        evidence={
            "job_name": order.job_name,
            "requested_by": order.requested_by,
            "model_version": order.model_version,
            "input_sha256": order.input_sha256,
            "output_sha256": sha256(output).hexdigest(),
            "refused": answered.refused,
            "report_key": order.report_key,
        },
        actor=ACTOR,
        made_at=now,
    )
    return FinishedBatch(
        complete=decision.verdict is Verdict.ACCEPTED,
        message=_message(order, answered, decision),
        lines=order.lines,
        answers=answered.answers,
        refused=answered.refused,
        refusals=answered.refusals,
        output_key=output_key,
        report_key=order.report_key,
        decision=decision,
    )


def _message(order: BatchOrder, answered: Answered, decision: Decision) -> str:
    if decision.verdict is Verdict.REFUSED:
        return f"{order.job_name}: {'; '.join(decision.reasons)}"
    refused = f", {answered.refused} of them refused" if answered.refused else ""
    return f"{answered.answers} of {order.lines} lines answered by {order.model_version}{refused}"
