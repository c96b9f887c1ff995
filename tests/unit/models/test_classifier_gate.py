"""Assessing and registering a bundle that arrived finished."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bellwether.models.domain.catalogue import CATALOGUE, SENTIMENT, classifier_spec, forecast_spec
from bellwether.models.usecases.assess_bundle import BundleRequest, assess_bundle
from bellwether.models.usecases.record_assessment import Assessment
from bellwether.models.usecases.register_candidate import register_candidate
from bellwether.shared.domain.decisions import Gate
from bellwether.shared.domain.errors import BundleTamperedError, InvalidInputError, NotFoundError
from bellwether.shared.settings import parse
from jobs.sentiment.pack import lexicon_sha256, measured, pack_lexicon
from tests.builders import BUCKET, Bundle, agreement_report, labelled_set, sentiment_bundle
from tests.fakes.lifecycle import ArchivesByUri, InMemoryRegistry, StoppedClock, left_by_job
from tests.fakes.objects import InMemoryObjectStore

JOB_NAME = "sentiment-0badcafe"
FOLDER = f"models/sentiment/jobs/{JOB_NAME}/output/"


@dataclass
class Case:
    """A bundle that lies in the bucket, and its figures."""

    bundle: Bundle = field(default_factory=sentiment_bundle)
    report: dict[str, Any] = field(default_factory=dict)
    objects: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)

    def assess(self, **event: Any) -> Assessment:
        content = json.dumps(agreement_report(self.bundle.sha256) | self.report).encode()
        return _assess(self.bundle.tar(), content, self.objects, **event)


def _assess(archive: bytes, report: bytes, objects: InMemoryObjectStore, **event: Any) -> Assessment:
    objects.put(f"{FOLDER}evaluation.json", report)
    request = {"model": "sentiment", "job_name": JOB_NAME, "requested_by": "a person"} | event
    return assess_bundle(
        parse(BundleRequest, request),
        bucket=BUCKET,
        archives=ArchivesByUri({f"s3://{BUCKET}/{FOLDER}model.tar.gz": archive}),
        objects=objects,
        clock=StoppedClock(),
    )


def failed(assessed: Assessment) -> list[str]:
    return [gate.name for gate in assessed.decision.gates if not gate.passed]


def test_a_good_bundle_is_accepted_with_its_evidence() -> None:
    case = Case()
    assessed = case.assess()
    assert assessed.accepted
    assert [gate.name for gate in assessed.decision.gates] == [
        *("texts.headlines", "accuracy.headlines", "macro_f1.headlines"),
        *("texts.posts", "accuracy.posts", "macro_f1.posts"),
    ]
    kept = json.loads(case.objects.get(assessed.evidence_key).content)
    assert kept["bundle"]["sha256"] == case.bundle.sha256
    assert assessed.decision.evidence["figures"] == {"macro_f1_headlines": 0.7, "macro_f1_posts": 0.6}
    assert case.assess().decision.decision_id == assessed.decision.decision_id


@pytest.mark.parametrize(
    ("sets", "names"),
    [
        ([labelled_set("a", n=199)], ["texts.a"]),
        ([labelled_set("a", accuracy=0.619)], ["accuracy.a"]),
        ([labelled_set("a", accuracy=0.62)], []),
        ([labelled_set("a", macro_f1=0.399)], ["macro_f1.a"]),
        ([labelled_set("a"), labelled_set("b", accuracy=0.2, macro_f1=0.1)], ["accuracy.b", "macro_f1.b"]),
    ],
)
def test_every_set_has_to_be_better_than_always_neutral(sets: list[dict[str, Any]], names: list[str]) -> None:
    assessed = Case(report={"sets": sets}).assess()
    assert failed(assessed) == names
    assert assessed.accepted == (not names)


def test_a_refusal_comes_with_a_table_and_reasons() -> None:
    assessed = Case(report={"sets": [labelled_set("headlines", accuracy=0.61)]}).assess()
    lines = assessed.message.splitlines()
    assert "headlines    400  0.610 (0.600)  0.700 (0.250)" in [line.strip() for line in lines]
    assert "  - headlines: accuracy is 0.610, has to be 0.620 (always neutral: 0.600)" in lines
    assert assessed.message.isascii()
    assert assessed.subject_line == "Bellwether: sentiment candidate refused: 1 of 3 checks failed"


@pytest.mark.parametrize(
    ("case", "event", "error", "place"),
    [
        (Case(report={"sets": []}), {}, InvalidInputError, "evaluation.json sets"),
        (Case(report={"sets": [labelled_set("a"), labelled_set("a")]}), {}, InvalidInputError, "sets"),
        (
            Case(report={"sets": [labelled_set("a", n=300) | labelled_set("a", n=300, all=1) | {"name": "a b"}]}),
            {},
            InvalidInputError,
            "name",
        ),
        (Case(report={"model": "macro"}), {}, InvalidInputError, "evaluation.json model"),
        (Case(report={"target": "UNRATE"}), {}, InvalidInputError, "evaluation.json target"),
        (Case(report={"bundle_sha256": "0" * 64}), {}, BundleTamperedError, "bundle.json"),
        (Case(bundle=sentiment_bundle(model="macro")), {}, InvalidInputError, "bundle.json model"),
        (Case(bundle=sentiment_bundle(target="UNRATE")), {}, InvalidInputError, "bundle.json target"),
        (Case(), {"model": "macro"}, NotFoundError, "model"),
        (Case(), {"job_name": "../../other"}, InvalidInputError, "job_name"),
        (Case(), {"job_name": "another"}, NotFoundError, "another"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    case: Case, event: dict[str, Any], error: type[Exception], place: str
) -> None:
    with pytest.raises(error, match=place):
        case.assess(**event)


def test_an_accepted_bundle_is_registered_once_with_figures_that_the_registry_takes() -> None:
    registry = InMemoryRegistry()
    assessed = Case().assess()
    objects = left_by_job(assessed, Case().bundle.tar())
    first, again = (
        register_candidate(assessed, bucket=BUCKET, image_uri="image", registry=registry, objects=objects)
        for _ in range(2)
    )
    assert (first.version, again.version) == (1, 1)
    (version,) = registry.versions.values()
    assert version.package_group == "NewsSentimentModels"
    assert version.metadata["macro_f1_headlines"] == "0.7000"
    assert all(version.metadata.values())
    assert "bellwether approve sentiment --version 1" in first.message


def test_kinds_of_models_are_told_apart() -> None:
    assert forecast_spec("macro").horizons_months
    assert classifier_spec("sentiment") is SENTIMENT
    for look_up, name in ((forecast_spec, "sentiment"), (classifier_spec, "macro")):
        with pytest.raises(NotFoundError, match="known"):
            look_up(name)
    assert len({spec.package_group for spec in CATALOGUE.values()}) == len(CATALOGUE)
    assert len({spec.endpoint_name for spec in CATALOGUE.values()}) == len(CATALOGUE)


# --- the embedded bundle ---------------------------------------------------------------------------------------------


def test_the_embedded_bundle_comes_with_figures_and_passes_its_gate(tmp_path: Path) -> None:
    # Given the bundle that needs no download
    packed = pack_lexicon(tmp_path)
    # When it is assessed with what came with it
    assessed = _assess(packed.archive.read_bytes(), packed.evaluation.read_bytes(), InMemoryObjectStore())
    # Then it is good enough
    assert failed(assessed) == []
    assert assessed.bundle_sha256 == packed.bundle_sha256
    assert len(assessed.decision.gates) == 12


def test_kept_figures_are_those_of_the_present_word_list() -> None:
    assert measured(), f"the word list has changed ({lexicon_sha256()}): run 'python -m bench.measured'"


def test_figures_of_another_word_list_are_not_taken_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "measured.json"
    other.write_text('{"lexicon_sha256": "0", "sets": []}')
    monkeypatch.setattr("jobs.sentiment.pack.MEASURED", other)
    packed = pack_lexicon(tmp_path / "out")
    with pytest.raises(InvalidInputError, match="sets"):
        _assess(packed.archive.read_bytes(), packed.evaluation.read_bytes(), InMemoryObjectStore())


@pytest.mark.shared_data
def test_kept_figures_can_be_measured_again() -> None:
    from bench.labelled import shared_data
    from bench.measured import measure

    folder = shared_data()
    if folder is None:
        pytest.skip("no labelled data")
    assert measure(folder) == measured()


def test_a_gate_explains_itself_only_when_it_fails() -> None:
    gates: tuple[Gate, ...] = Case(report={"sets": [labelled_set("a", n=10)]}).assess().decision.gates
    assert [bool(gate.reason) for gate in gates] == [True, False, False]
