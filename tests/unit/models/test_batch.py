"""A file of requests, answered line by line: what is named, counted, refused, and never run twice."""

import json
from typing import Any

import pytest

from bellwether.models.domain.batch import (
    ERRORS_SHOWN,
    INPUT_LIMIT_BYTES,
    LINE_LIMIT_BYTES,
    LINES_LIMIT,
    BatchOrder,
    BatchReport,
    BatchState,
    line_numbers,
    read_answers,
)
from bellwether.models.domain.deployment import CurrentVersion
from bellwether.models.domain.training import TransformJob
from bellwether.models.usecases.finish_batch import FinishedBatch, finish_batch
from bellwether.models.usecases.prepare_batch import BatchRequest, prepare_batch
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from bellwether.shared.settings import parse
from tests.builders import BUCKET, digest, package_arn
from tests.fakes.lifecycle import NOON, InMemoryPromotions, StoppedClock
from tests.fakes.objects import InMemoryObjectStore

FOLDER = "batch/macro/scenarios/"
LINES = b'{"data": {"UNRATE": 4}}\n\nnonsense\n{"data": {"UNRATE": 5}}'
ANSWERS = (
    b'{"prediction": 4.1}\n{"error": "invalid_input", "field": "body", "message": "is not JSON"}\n{"prediction": 5}\n'
)


class KnownTransforms:
    """TransformJobs from a list."""

    def __init__(self, *jobs: TransformJob) -> None:
        self._jobs = jobs

    def named(self, prefix: str) -> tuple[TransformJob, ...]:
        return tuple(job for job in self._jobs if job.name.startswith(prefix))


def serving(version: int = 3, bundle_sha256: str = "a" * 64) -> InMemoryPromotions:
    return InMemoryPromotions(
        CurrentVersion(
            version=version,
            endpoint_config_name=f"macro-v{version}-{bundle_sha256[:8]}",
            model_package_arn=package_arn(version),
            bundle_sha256=bundle_sha256,
            promoted_at=NOON,
        )
    )


def prepare(
    objects: InMemoryObjectStore,
    *,
    current: InMemoryPromotions | None = None,
    jobs: KnownTransforms | None = None,
    **event: Any,
) -> BatchOrder:
    return prepare_batch(
        parse(BatchRequest, {"model": "macro", "name": "scenarios", "requested_by": "ada", **event}),
        bucket=BUCKET,
        objects=objects,
        current=current or serving(),
        jobs=jobs or KnownTransforms(),
    )


def laid_out(content: bytes = LINES) -> InMemoryObjectStore:
    return InMemoryObjectStore({f"{FOLDER}input.jsonl": content})


def finish(objects: InMemoryObjectStore, order: BatchOrder, answers: bytes | None = ANSWERS) -> FinishedBatch:
    if answers is not None:
        objects.put(order.output_key, answers)
    return finish_batch(order, objects=objects, clock=StoppedClock())


# --- preparing -------------------------------------------------------------------------------------------------------


def test_a_batch_is_named_after_folder_lines_and_version() -> None:
    # Given three lines, one of them nonsense, and version 3 in service
    order = prepare(laid_out())
    # When prepared, then the job is that version's, over these lines, into a folder of its own
    assert (order.state, order.lines, order.version) == (BatchState.READY, 3, 3)
    assert (order.model_name, order.model_version) == ("macro-v3-aaaaaaaa", "macro-aaaaaaaa")
    assert order.input_uri == f"s3://{BUCKET}/{FOLDER}input.jsonl"
    assert order.input_sha256 == digest(LINES)
    assert order.output_uri == f"s3://{BUCKET}/{FOLDER}output/{order.job_name}"
    assert order.job_name.startswith("macro-batch-")
    assert order.job_name.endswith("-1")
    assert len(order.job_name) <= 63


def test_another_folder_other_lines_or_another_version_is_another_batch() -> None:
    names = {
        prepare(laid_out()).job_name,
        prepare(laid_out(LINES + b"\n{}")).job_name,
        prepare(laid_out(), current=serving(4, "b" * 64)).job_name,
        prepare(InMemoryObjectStore({"batch/macro/other/input.jsonl": LINES}), name="other").job_name,
    }
    assert len(names) == 4


def test_the_same_batch_under_way_is_not_started_again() -> None:
    job = prepare(laid_out()).job_name
    order = prepare(laid_out(), jobs=KnownTransforms(TransformJob(job, running=True)))
    assert (order.state, order.job_name) == (BatchState.RUNNING, job)


def test_a_batch_that_failed_gets_its_next_attempt() -> None:
    job = prepare(laid_out()).job_name
    order = prepare(laid_out(), jobs=KnownTransforms(TransformJob(job, running=False)))
    assert (order.state, order.job_name) == (BatchState.READY, job.removesuffix("1") + "2")


def test_what_was_answered_by_the_same_version_is_not_answered_again() -> None:
    # Given a batch with its answers, when prepared again, then there is nothing to do
    objects = laid_out()
    finish(objects, prepare(objects))
    again = prepare(objects)
    assert (again.state, again.job_name) == (BatchState.DONE, prepare(laid_out()).job_name)
    # But another version answers anew, and so does the same one where the answers are gone
    assert prepare(objects, current=serving(4, "b" * 64)).state is BatchState.READY
    objects.delete(again.output_key)
    assert prepare(objects).state is BatchState.READY


def test_answers_with_gaps_are_no_reason_to_rest() -> None:
    objects = laid_out()
    assert not finish(objects, prepare(objects), ANSWERS.partition(b"\n")[2]).complete
    assert prepare(objects).state is BatchState.READY


@pytest.mark.parametrize("report", [b"", b"[]", b'{"schema_version": 0}'])
def test_a_report_that_can_t_be_read_is_made_anew(report: bytes) -> None:
    objects = laid_out()
    objects.put(f"{FOLDER}report.json", report)
    assert prepare(objects).state is BatchState.READY


@pytest.mark.parametrize("content", [b"", b"\n \n\t\r\n"])
def test_no_line_is_no_job(content: bytes) -> None:
    objects = laid_out(content)
    order = prepare(objects)
    assert (order.state, order.lines) == (BatchState.EMPTY, 0)
    finished = finish(objects, order, None)
    assert (finished.complete, finished.output_key) == (True, None)
    assert prepare(objects).state is BatchState.DONE


def test_ten_thousand_lines_are_one_batch() -> None:
    order = prepare(laid_out(b'{"data": {"UNRATE": 4}}\n' * 10_000))
    assert (order.state, order.lines) == (BatchState.READY, 10_000)


@pytest.mark.parametrize(
    ("content", "field", "reason"),
    [
        (b"{}\n" + b"x" * (LINE_LIMIT_BYTES + 1), "line 2", "at most"),
        (b"1\n" * (LINES_LIMIT + 1), "input.jsonl", "100001 lines"),
        (b"month,UNRATE\n2016-06,4.1\n", "input.jsonl", "no line is a JSON object"),
        (b" " * (INPUT_LIMIT_BYTES + 1), f"{FOLDER}input.jsonl", "at most"),
    ],
    ids=["line", "lines", "CSV", "file"],
)
def test_what_no_job_can_answer_is_refused_before_one_starts(content: bytes, field: str, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason) as refused:
        prepare(laid_out(content))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("event", "error", "field"),
    [
        ({"model": "astrology"}, NotFoundError, "model"),
        ({"model": "housing"}, NotFoundError, "model housing"),
        ({"name": "not-there"}, NotFoundError, "batch/macro/not-there/input.jsonl"),
        ({"name": "../x"}, InvalidInputError, "name"),
        ({"name": ""}, InvalidInputError, "name"),
    ],
)
def test_what_is_not_there_is_told_by_name(event: dict[str, Any], error: type[Exception], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        prepare(laid_out(), **event)
    assert type(refused.value) is error
    assert refused.value.field == field


# --- finishing -------------------------------------------------------------------------------------------------------


def test_refusals_are_told_by_the_number_of_their_line() -> None:
    # Given answers of which the second is a refusal, and a blank line before it
    objects = laid_out()
    order = prepare(objects)
    finished = finish(objects, order)
    # When finished, then the batch is complete, and the refusal is that of line 3
    assert finished.complete
    assert [(each.line, each.field, each.message) for each in finished.refusals] == [(3, "body", "is not JSON")]
    assert finished.message == "3 of 3 lines answered by macro-aaaaaaaa, 1 of them refused"
    report = BatchReport.model_validate_json(objects.get(f"{FOLDER}report.json").content)
    assert (report.lines, report.answers, report.refused, report.job_name) == (3, 3, 1, order.job_name)
    assert finished.decision.kind == "predict_batch"
    assert finished.decision.evidence["output_sha256"] == digest(ANSWERS)


def test_a_second_look_says_the_same() -> None:
    objects = laid_out()
    order = prepare(objects)
    assert finish(objects, order) == finish(objects, order)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (b'{"prediction": 1}\n', "1 answers for 3 lines"),
        (ANSWERS + ANSWERS, "6 answers for 3 lines"),
        (b"", "0 answers for 3 lines"),
        (ANSWERS.replace(b'{"prediction": 5}', b"oh dear"), "1 answers are not JSON objects"),
    ],
)
def test_a_line_without_its_answer_is_a_failed_batch(answers: bytes, reason: str) -> None:
    objects = laid_out()
    finished = finish(objects, prepare(objects), answers)
    assert not finished.complete
    assert reason in finished.message


def test_blank_lines_between_answers_are_none() -> None:
    # Given a server that ends each payload's answers by one line end more
    assert read_answers(ANSWERS.replace(b"\n", b"\n\n"), line_numbers(LINES)).answers == 3


def test_lines_changed_meanwhile_are_told() -> None:
    objects = laid_out()
    order = prepare(objects)
    objects.put(f"{FOLDER}input.jsonl", LINES + b"\n{}")
    with pytest.raises(InvalidInputError, match="was changed during the batch"):
        finish(objects, order)


def test_answers_that_are_not_there_are_told() -> None:
    objects = laid_out()
    with pytest.raises(NotFoundError):
        finish(objects, prepare(objects), None)


def test_only_the_first_refusals_are_shown_and_all_are_counted() -> None:
    # Given fifty refusals that number their lines from the beginning of a payload
    refusal = json.dumps({"id": None, "error": {"field": "line 1: text", "reason": "is blank"}}).encode()
    answered = read_answers((refusal + b"\n") * 50, line_numbers(b"{}\n" * 50))
    # When read, then all are counted, and the first of them go by the numbers of the file
    assert (answered.refused, len(answered.refusals)) == (50, ERRORS_SHOWN)
    assert [(each.line, each.field, each.message) for each in answered.refusals[-1:]] == [(20, "text", "is blank")]


def test_the_order_survives_its_way_through_the_state_machine() -> None:
    order = prepare(laid_out())
    assert parse(BatchOrder, json.loads(json.dumps(order.model_dump(mode="json")))) == order
