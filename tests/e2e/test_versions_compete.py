"""A challenger beside the champion on the embedded cloud: shadowed, judged, promoted, stopped; and the way back."""

import gzip
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bellwether.models.domain.capture import Actual, CaptureRecord, Point, Status, Variant, as_line
from bellwether.models.domain.experiment import Decider, Mode
from cli import challengers, deployments, executions, predictions, registry
from cli.problems import CommandError
from localcloud.control import Cloud
from tests.e2e.flow import MODEL, WAIT_SECONDS, Flow
from tests.e2e.test_macro import decisions
from tests.waiting import wait_for

pytestmark = pytest.mark.aws
CHALLENGER = "Fred-Serverless-Endpoint-Challenger"


@pytest.fixture(autouse=True)
def alone(flow: Flow) -> Iterator[None]:
    """Whatever a test leaves competing is stopped after it."""
    yield
    flow.await_execution(challengers.stop(flow.target, MODEL, None, "the test is over"))


def start(flow: Flow, number: int, **changes: Any) -> dict[str, Any]:
    """Start an experiment with a version and wait for it."""
    version = registry.numbered_version(flow.target, MODEL, number)
    terms: dict[str, Any] = {"mode": Mode.SHADOW, "share": 1.0, "decider": Decider.AUTO, "days": 1.0}
    return flow.await_execution(challengers.start(flow.target, MODEL, version, **terms | changes))


def endpoints(flow: Flow) -> set[str]:
    listed = flow.target.client("sagemaker").list_endpoints()["Endpoints"]
    return {each["EndpointName"] for each in listed if each["EndpointStatus"] != "Deleting"}


def judge(flow: Flow, kind: str = "judge_experiment") -> dict[str, Any]:
    """Let the judge look and act, as the schedule does; what it found about the experiment, or the probation."""
    answer = flow.target.invoke(flow.target.output("JudgeExperimentsFunctionName"), {"models": [MODEL]})
    (ruling,) = [each for each in answer["rulings"] if each["kind"] == kind]
    return dict(ruling)


def followed(flow: Flow, ruling: dict[str, Any]) -> dict[str, Any]:
    """Wait for the process that a ruling has started, and for the deployment that that one has."""
    recorded = flow.await_execution(ruling["execution_arn"])
    return flow.await_execution(recorded["execution"])


def keep(flow: Flow, entries: list[CaptureRecord] | list[Actual], kind: str) -> None:
    """Put captures or actuals where the functions put them."""
    body = gzip.compress("".join(f"{as_line(each)}\n" for each in entries).encode())
    key = f"{kind}/model={MODEL}/date={datetime.now(UTC):%Y-%m-%d}/e2e-{time.time_ns()}.jsonl.gz"
    flow.target.client("s3").put_object(Bucket=flow.target.output("DataBucketName"), Key=key, Body=body)


def outcome(flow: Flow, *, champion: float, challenger: float, failing: bool = False, count: int = 150) -> None:
    """Both were asked about many things, erred by so much, and the truth is known."""
    experiment = challengers.running(flow.target, MODEL)["standing"]["experiment"]
    now = datetime.now(UTC)
    records, actuals = [], []
    for number in range(count):
        for variant, error in ((Variant.CHAMPION, champion), (Variant.CHALLENGER, challenger)):
            broken = failing and variant is Variant.CHALLENGER
            figure = error + (number * 7919 % 13) / 50
            records.append(
                CaptureRecord(
                    request_id=f"e2e-{experiment['experiment_id']}-{number}",
                    model=MODEL,
                    variant=variant,
                    experiment_id=experiment["experiment_id"],
                    received_at=now,
                    latency_ms=20,
                    status=Status.FAILED if broken else Status.ANSWERED,
                    points=() if broken else (Point(join_key=f"e2e-{number}", prediction=figure),),
                )
            )
        actuals.append(Actual(model=MODEL, join_key=f"e2e-{number}", value=0.0, observed_at=now))
    keep(flow, records, "captures")
    keep(flow, actuals, "actuals")
    time.sleep(0.01)  # records are read up to, but without, the judge's now


# --- shadow ----------------------------------------------------------------------------------------------------------


def test_a_pending_version_is_shadowed_and_answers_nobody(flow: Flow, cloud: Cloud) -> None:
    # Given a challenger that nobody has approved
    serving, number = flow.served_model(), flow.candidate()
    assert start(flow, number)["outcome"] == "started"
    assert CHALLENGER in endpoints(flow)
    # When callers ask until predictions know of the experiment and its answers are stored
    answers: list[dict[str, Any]] = []

    def shadowed() -> bool:
        answers.append(predictions.predict(flow.target, MODEL, {"UNRATE": "4.9"}))
        return bool(challengers.running(flow.target, MODEL)["standing"]["challenger"]["requests"] >= 5)

    wait_for(shadowed, "the challenger's answers are stored", pause_seconds=1)
    # Then the champion answered all of them
    assert {answer["model_version"] for answer in answers} == {serving}
    ruling = challengers.running(flow.target, MODEL)
    assert (ruling["step"], ruling["execution_arn"]) == ("go_on", None)
    # And one experiment at a time
    again = start(flow, flow.candidate())
    assert (again["outcome"], again["reason"]) == (
        "refused",
        f"experiment {ruling['standing']['experiment']['experiment_id']} with version {number} is under way",
    )
    assert [verdict for _, verdict in decisions(cloud, "start_experiment")][-2:] == ["accepted", "refused"]


def test_what_is_pending_may_not_answer_callers(flow: Flow) -> None:
    with pytest.raises(CommandError, match="only an approved version may serve callers"):
        start(flow, flow.candidate(), mode=Mode.SPLIT, share=0.2)
    assert CHALLENGER not in endpoints(flow)


def test_a_challenger_that_does_not_load_leaves_nothing_behind(flow: Flow, cloud: Cloud) -> None:
    # Given an honest bundle whose code can't load
    serving, pointer = flow.served_model(), flow.serving()
    files = flow.read_bundle(pointer)
    files["code/inference.py"] = b"raise RuntimeError('this model does not load')\n"
    number = flow.register_copy(pointer, files)
    # When it is to compete
    with pytest.raises(CommandError, match="FAILED"):
        start(flow, number)
    # Then there is neither an endpoint nor an experiment, and the champion serves
    assert CHALLENGER not in endpoints(flow)
    assert challengers.experiment_of(challengers.judge(flow.target, MODEL)) is None
    assert flow.served_model() == serving


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_a_winner_is_promoted_once_it_is_approved(flow: Flow, cloud: Cloud) -> None:
    # Given a challenger that wins, and that nobody has approved
    number = flow.candidate()
    start(flow, number)
    outcome(flow, champion=1.0, challenger=0.4)
    ruling = judge(flow)
    assert ruling["step"] == "request_decision"
    flow.await_execution(ruling["execution_arn"])
    assert any(f"bellwether approve {MODEL} --version {number}" in mail for mail in flow.mails())
    # When it is approved for the experiment, and the judge looks again
    known = deployments.started(flow.target)
    challengers.approve_for_experiment(flow.target, registry.numbered_version(flow.target, MODEL, number))
    approved = flow.await_execution(
        deployments.await_start(flow.target, known, name_prefix=deployments.approval_prefix(MODEL, number))
    )
    assert (approved["outcome"], approved["reason"]) == (
        "superseded",
        f"version {number} is approved for an experiment only",
    )
    promoted = followed(flow, judge(flow))
    # Then it serves, its experiment is over and its endpoint gone, all on record
    assert promoted["outcome"] == "deployed"
    assert flow.serving() == number
    assert challengers.experiment_of(challengers.judge(flow.target, MODEL)) is None
    assert CHALLENGER not in endpoints(flow)
    assert decisions(cloud, "judge_experiment")[-1][1] == "accepted"
    assert decisions(cloud, "conclude_experiment")


def test_a_loser_is_stopped(flow: Flow) -> None:
    serving = flow.serving()
    start(flow, flow.candidate())
    outcome(flow, champion=0.4, challenger=1.0)
    ruling = judge(flow)
    assert (ruling["step"], followed(flow, ruling)["outcome"]) == ("stop", "concluded")
    assert (flow.serving(), CHALLENGER in endpoints(flow)) == (serving, False)


def test_a_guard_stops_a_failing_challenger_whoever_decides(flow: Flow) -> None:
    start(flow, flow.candidate(), decider=Decider.PERSON)
    outcome(flow, champion=1.0, challenger=0.4, failing=True)
    ruling = judge(flow)
    assert (ruling["step"], followed(flow, ruling)["outcome"]) == ("stop", "concluded")
    assert judge_has_nothing(flow)


def judge_has_nothing(flow: Flow) -> bool:
    """Whether no experiment is left to be judged."""
    return challengers.experiment_of(challengers.judge(flow.target, MODEL)) is None


# --- the way back ----------------------------------------------------------------------------------------------------


def test_a_version_that_fails_after_its_promotion_is_rolled_back_by_itself(flow: Flow, cloud: Cloud) -> None:
    # Given a version in service since a moment ago, and a challenger beside it
    before, number = flow.serving(), flow.candidate()
    assert flow.deploy(number)["outcome"] == "deployed"
    start(flow, flow.candidate())
    # When its requests fail
    now = datetime.now(UTC)
    failed = [
        CaptureRecord(request_id=f"e2e-{n}", model=MODEL, received_at=now, latency_ms=20, status=Status.FAILED)
        for n in range(40)
    ]
    keep(flow, failed, "captures")
    time.sleep(0.01)
    rolled_back = followed(flow, judge(flow, "judge_probation"))
    # Then the version before serves again, and the experiment has lost its champion
    assert rolled_back["outcome"] == "rolled_back"
    assert flow.serving() == before
    assert judge_has_nothing(flow)
    assert decisions(cloud, "judge_probation")[-1] == (f"{MODEL} version {number}", "refused")


def test_a_rollback_by_hand_puts_the_version_before_back(flow: Flow) -> None:
    before = flow.serving()
    flow.deploy(flow.candidate())
    chosen = registry.rollback_version(flow.target, MODEL, None)
    output = executions.follow(
        flow.target, deployments.start_rollback(flow.target, MODEL, chosen), timeout_seconds=WAIT_SECONDS
    )
    assert (output["outcome"], flow.serving()) == ("rolled_back", before)
