"""Which versions are kept at hand, which go to the archive and come back, and whose endpoints are deleted."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.models.domain.archive import (
    ArchiveAction,
    ArchiveContext,
    ListedEndpoint,
    is_archived,
    version_acts,
    why_kept,
)
from bellwether.models.domain.catalogue import MACRO
from bellwether.models.domain.deployment import (
    Approval,
    CurrentVersion,
    EndpointPhase,
    EndpointState,
    RegisteredVersion,
)
from bellwether.models.domain.experiment import Experiment, Mode
from bellwether.models.usecases.archive_version import archive_version
from bellwether.models.usecases.plan_archive import ArchivePlan, ArchiveRequest, plan_archive
from bellwether.shared.domain.errors import ConflictError, InvalidInputError
from tests.builders import GROUP, package_arn
from tests.fakes.archive import Shelves, TaggedEndpoints, VersionsByGroup
from tests.fakes.captures import InMemoryExperiments
from tests.fakes.lifecycle import NOON, InMemoryEndpoints, InMemoryPromotions, StoppedClock
from tests.fakes.process import Failure, Process

ARCHIVE = Process("archive_versions", {"ArchiveMode": "apply"})


def version(number: int, approval: str = "Approved", **metadata: str) -> RegisteredVersion:
    return RegisteredVersion(
        arn=package_arn(number),
        package_group=GROUP,
        version=number,
        approval=approval,
        model_data_url=f"s3://data/models/macro/bundles/{number:064x}/model.tar.gz",
        metadata={"bundle_sha256": f"{number:064x}", "job_name": f"job-{number}"} | metadata,
    )


def name(number: int) -> str:
    return MACRO.artifact_name(number, f"{number:064x}")


def current(number: int, previous: int | None = None) -> CurrentVersion:
    return CurrentVersion(
        version=number,
        previous_version=previous,
        endpoint_config_name=name(number),
        model_package_arn=package_arn(number),
        bundle_sha256=f"{number:064x}",
        promoted_at=NOON,
    )


def experiment(champion: int, challenger: int) -> Experiment:
    return Experiment(
        experiment_id="e-1",
        model="macro",
        mode=Mode.SHADOW,
        share=1.0,
        champion_version=champion,
        challenger_version=challenger,
        challenger_endpoint_name=MACRO.challenger_endpoint_name,
        challenger_config_name=name(challenger),
        challenger_bundle_sha256=f"{challenger:064x}",
        started_at=NOON,
        ends_at=NOON + timedelta(days=14),
    )


def context(versions: Iterable[RegisteredVersion], **given_: Any) -> ArchiveContext:
    given_ = {"current": None, "experiment": None, "configs_in_use": frozenset(), **given_}
    return ArchiveContext(spec=replace(MACRO, keep_versions=2), versions=tuple(versions), **given_)


def archived_by(case: ArchiveContext, versions_max: int = 100) -> list[str]:
    acts = version_acts(case, run_id="run-1", now=NOON, versions_max=versions_max)
    return [act.decision.subject for act in acts if act.act is ArchiveAction.ARCHIVE]


def endpoint(name_: str, *, days: float = 30, phase: EndpointPhase = EndpointPhase.IN_SERVICE) -> ListedEndpoint:
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:endpoint/{name_.lower()}"
    return ListedEndpoint(name_, arn, phase, NOON - timedelta(days=days))


OURS = {"App": "bellwether", "Env": "dev", "CostCenter": "research"}


def plan(
    versions: Iterable[RegisteredVersion] = (),
    endpoints: Iterable[ListedEndpoint] = (),
    *,
    tags: dict[str, dict[str, str]] | None = None,
    endpoints_max: int = 1,
    trial: Experiment | None = None,
    served: CurrentVersion | None = None,
    states: dict[str, EndpointState] | None = None,
    now: datetime = NOON,
) -> ArchivePlan:
    endpoints = tuple(endpoints)
    experiments = InMemoryExperiments()
    if trial is not None:
        experiments.put(trial)
    return plan_archive(
        ArchiveRequest(run_id="run-1"),
        environment="dev",
        versions_max=10,
        endpoints_max=endpoints_max,
        groups=VersionsByGroup(versions),
        inventory=TaggedEndpoints(endpoints, tags or {each.name.lower(): OURS for each in endpoints}),
        endpoints=InMemoryEndpoints(states),
        current_versions=InMemoryPromotions(served),
        experiments=experiments,
        clock=StoppedClock(now),
    )


# --- versions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (context([version(1), version(8), version(9)], current=current(1)), "it serves"),
        (context([version(1), version(8), version(9)], current=current(9, previous=1)), "the rollback target"),
        (context([version(1), version(8), version(9)], experiment=experiment(9, 1)), "part of an experiment"),
        (
            context([version(1), version(8), version(9)], configs_in_use=frozenset({name(1)})),
            "an endpoint uses it",
        ),
        (context([version(1, Approval.PENDING), version(8), version(9)]), "waits for approval"),
        (context([version(1), version(9)]), "among the newest 2"),
    ],
)
def test_what_is_needed_stays(case: ArchiveContext, reason: str) -> None:
    assert reason in str(why_kept(case.versions[0], case))
    assert "macro version 1" not in archived_by(case)


def test_all_others_go_oldest_first_and_not_too_many_at_once() -> None:
    case = context([version(n) for n in range(1, 9)], current=current(6, previous=3))
    assert archived_by(case) == [f"macro version {n}" for n in (1, 2, 4, 5)]
    assert archived_by(case, versions_max=2) == ["macro version 1", "macro version 2"]


def test_what_went_before_does_not_go_again_and_comes_back_when_it_is_wanted() -> None:
    versions = [version(1, archived="true"), version(2, archived="true"), version(3), version(4)]
    acts = version_acts(context(versions, current=current(1, previous=4)), run_id="r", now=NOON, versions_max=9)
    assert [(act.act, act.decision.subject) for act in acts] == [(ArchiveAction.RESTORE, "macro version 1")]


def test_a_bundle_that_a_kept_version_shares_is_not_tagged() -> None:
    twin = replace(version(1, job_name="job-9"), model_data_url=version(9).model_data_url)
    (act,) = version_acts(context([twin, version(8), version(9)]), run_id="r", now=NOON, versions_max=9)
    assert (act.model_name, act.objects) == (name(1), ())


versions_ = st.lists(
    st.builds(
        lambda approval, mark: (approval, mark),
        st.sampled_from(list(Approval)),
        st.sampled_from(["", "true", "false"]),
    ),
    max_size=12,
).map(
    lambda rows: [
        version(number, approval.value, **({"archived": mark} if mark else {}))
        for number, (approval, mark) in enumerate(rows, 1)
    ]
)
numbers = st.integers(1, 12)


@given(versions_, st.none() | st.builds(current, numbers, st.none() | numbers), st.integers(0, 12))
def test_no_run_takes_what_is_needed_or_more_than_it_may(
    versions: list[RegisteredVersion], served: CurrentVersion | None, versions_max: int
) -> None:
    case = context(versions, current=served)
    acts = version_acts(case, run_id="run-1", now=NOON, versions_max=versions_max)
    gone = {act.model_package_arn for act in acts if act.act is ArchiveAction.ARCHIVE}
    assert len(gone) <= versions_max
    for each in versions:
        if each.arn in gone:
            assert each.approval != Approval.PENDING
            assert not is_archived(each)
            assert each.version <= len(versions) - 2
            assert served is None or each.version not in {served.version, served.previous_version}
    # And nothing is both taken and brought back
    assert len({act.model_package_arn for act in acts}) == len(acts)


@given(versions_, st.builds(current, numbers, st.none() | numbers))
def test_a_second_run_finds_nothing_left(versions: list[RegisteredVersion], served: CurrentVersion) -> None:
    case = context(versions, current=served)
    marks = {
        act.model_package_arn: "true" if act.act is ArchiveAction.ARCHIVE else "false"
        for act in version_acts(case, run_id="run-1", now=NOON, versions_max=99)
    }
    after = [
        replace(v, metadata={**v.metadata, "archived": marks.get(v.arn, v.metadata.get("archived", ""))})
        for v in versions
    ]
    assert version_acts(replace(case, versions=tuple(after)), run_id="run-2", now=NOON, versions_max=99) == ()


# --- endpoints -------------------------------------------------------------------------------------------------------


def test_an_endpoint_of_a_model_that_left_the_catalogue_is_deleted() -> None:
    (act,) = plan(endpoints=[endpoint("Weather-Serverless-Endpoint"), endpoint(MACRO.endpoint_name)]).acts
    assert (act.act, act.endpoint_name) == (ArchiveAction.DELETE_ENDPOINT, "Weather-Serverless-Endpoint")


def test_a_challenger_without_an_experiment_is_nobody_s() -> None:
    challenger = endpoint(MACRO.challenger_endpoint_name)
    assert len(plan(endpoints=[challenger]).acts) == 1
    assert plan(endpoints=[challenger], trial=experiment(1, 2)).acts == ()


@pytest.mark.parametrize(
    "spared",
    [
        endpoint("Weather", days=0.5),
        endpoint("Weather", phase=EndpointPhase.CHANGING),
        endpoint("Weather", phase=EndpointPhase.LEAVING),
    ],
)
def test_what_is_new_or_on_the_move_is_left_alone(spared: ListedEndpoint) -> None:
    assert plan(endpoints=[spared]).acts == ()


@pytest.mark.parametrize(
    "tags", [{}, {"App": "bellwether"}, {"App": "bellwether", "Env": "prod"}, {"App": "other", "Env": "dev"}]
)
def test_what_is_not_ours_is_left_alone(tags: dict[str, str]) -> None:
    assert plan(endpoints=[endpoint("Weather")], tags={"weather": tags}).acts == ()


def test_one_endpoint_a_run_however_many_are_nobody_s() -> None:
    found = plan(endpoints=[endpoint("Weather"), endpoint("Tides"), endpoint("Moon")])
    assert (len(found.acts), found.postponed) == (1, 2)
    assert plan(endpoints=[endpoint("Weather")], endpoints_max=0).acts == ()


def test_endpoints_keep_the_versions_they_are_made_from() -> None:
    versions = [version(n) for n in range(1, 6)]
    states = {
        MACRO.endpoint_name: EndpointState(EndpointPhase.CHANGING, name(1), name(2)),
    }
    assert plan(versions, states=states).acts == ()
    assert [act.decision.subject for act in plan(versions).acts] == ["macro version 1", "macro version 2"]


def test_the_same_run_decides_under_the_same_ids_and_the_next_under_others() -> None:
    versions = [version(n) for n in range(1, 6)]
    first, again = plan(versions), plan(versions, now=NOON + timedelta(minutes=1))
    assert [act.decision.decision_id for act in first.acts] == [act.decision.decision_id for act in again.acts]


# --- acts ------------------------------------------------------------------------------------------------------------


def carry_out(act: Any, shelves: Shelves, **states: EndpointState) -> str:
    endpoints = InMemoryEndpoints(
        {
            {"champion": MACRO.endpoint_name, "challenger": MACRO.challenger_endpoint_name}[n]: s
            for n, s in states.items()
        }
    )
    return archive_version(
        act, endpoints=endpoints, parts=shelves, marks=shelves, objects=shelves, clock=StoppedClock()
    ).status


@pytest.mark.parametrize("place", ["champion", "challenger"])
@pytest.mark.parametrize(
    "state",
    [
        EndpointState(EndpointPhase.IN_SERVICE, name(1)),
        EndpointState(EndpointPhase.CHANGING, name(4), pending_config_name=name(1)),
    ],
)
def test_a_version_that_somebody_went_back_to_meanwhile_is_left_alone(place: str, state: EndpointState) -> None:
    # Given a version that is to be archived; When an endpoint has come to it since the plan was made
    act = plan([version(n) for n in range(1, 5)]).acts[0]
    shelves = Shelves()
    # Then nothing of it is taken away, and the next run decides
    with pytest.raises(ConflictError, match="now uses"):
        carry_out(act, shelves, **{place: state})
    assert shelves.done == []
    # And another version at that endpoint is no reason to keep it
    assert carry_out(act, shelves, **{place: EndpointState(EndpointPhase.IN_SERVICE, name(4))}) == "archived"


def test_an_archived_version_keeps_its_bundle_and_its_place_in_the_registry() -> None:
    act = plan([version(n) for n in range(1, 5)]).acts[0]
    shelves = Shelves()
    assert carry_out(act, shelves) == "archived"
    models, output = "s3://data/models/macro", "s3://data/models/macro/jobs/job-1/output"
    assert shelves.done == [
        ("config", name(1)),
        ("model", name(1)),
        ("archived", f"{models}/bundles/{1:064x}/model.tar.gz"),
        ("archived", f"{output}/model.tar.gz"),
        ("archived", f"{output}/output.tar.gz"),
        ("archived", package_arn(1)),
    ]


def test_a_version_that_comes_back_is_only_marked() -> None:
    (act,) = plan([version(1, archived="true")], served=current(1)).acts
    shelves = Shelves()
    assert carry_out(act, shelves) == "restored"
    assert {kind for kind, _ in shelves.done} == {"restored"}


def test_a_refused_act_is_not_carried_out() -> None:
    act = plan(endpoints=[endpoint("Weather")]).acts[0]
    refused = act.model_copy(update={"decision": act.decision.model_copy(update={"verdict": "refused"})})
    with pytest.raises(InvalidInputError, match="refused"):
        carry_out(refused, Shelves())


def test_an_endpoint_that_begins_to_change_is_not_deleted() -> None:
    act = plan(endpoints=[endpoint("Weather")]).acts[0]
    with pytest.raises(ConflictError):
        carry_out(act, Shelves(changing="Weather"))


# --- the process -----------------------------------------------------------------------------------------------------


def planned(count: int) -> dict[str, Any]:
    return {"acts": [{"act": "a", "decision": {"decision_id": f"d{n}"}} for n in range(count)], "postponed": 0}


def done(arguments: Any) -> dict[str, str]:
    return {"decision_id": arguments["decision"]["decision_id"], "status": "archived"}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_each_act_is_decided_done_and_told_in_turn(count: int) -> None:
    ending = ARCHIVE.run({}, {"Plan Archive": planned(count), "Archive Version": done})
    assert (ending.status, ending.output) == ("SUCCEEDED", {"outcome": "archived", "total": count, "postponed": 0})
    turn = ["Record Decision", "Archive Version", "Record Outcome", "Does A Removal Remain"]
    assert ending.path[5:-2] == turn * count
    assert [each["outcome"]["decision_id"] for each in ending.given.get("Record Outcome", [])] == [
        f"d{n}" for n in range(count)
    ]


@pytest.mark.parametrize(("mode", "request_"), [("dry-run", {}), ("apply", {"dry_run": True})])
def test_a_dry_run_shows_and_touches_nothing(mode: str, request_: dict[str, bool]) -> None:
    ending = Process("archive_versions", {"ArchiveMode": mode}).run(request_, {"Plan Archive": planned(2)})
    assert (ending.state, ending.output["total"], len(ending.output["acts"])) == ("Dry Run Ended", 2, 2)
    assert set(ending.given) == {"Plan Archive"}


def test_an_act_that_came_too_early_is_written_down_as_postponed_and_the_rest_goes_on() -> None:
    answers = {
        "Plan Archive": planned(2),
        "Archive Version": lambda a: (
            Failure("ConflictError", "changing") if a["decision"]["decision_id"] == "d0" else done(a)
        ),
    }
    ending = ARCHIVE.run({}, answers)
    assert ending.status == "SUCCEEDED"
    assert [each["outcome"]["status"] for each in ending.given["Record Outcome"]] == ["postponed", "archived"]


@pytest.mark.parametrize("state", ["Plan Archive", "Record Decision", "Archive Version", "Record Outcome"])
def test_any_other_failure_ends_the_run(state: str) -> None:
    answers = {"Plan Archive": planned(1), "Archive Version": done, state: Failure("UpstreamError", "no right")}
    ending = ARCHIVE.run({}, answers)
    assert (ending.status, ending.error) == ("FAILED", "UpstreamError")
    assert ending.path[-1] == state
