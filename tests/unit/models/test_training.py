"""Preparing a training: what is frozen, and how the job is called."""

import json
from typing import Any

import pytest

from bellwether.models.domain.catalogue import MACRO
from bellwether.models.domain.training import TrainingJob, merged_hyperparameters
from bellwether.models.usecases.prepare_training import TrainingOrder, TrainingRequest, prepare_training
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError, TransientUpstreamError
from bellwether.shared.settings import parse
from tests.builders import (
    BUCKET,
    DATASET,
    DATASET_SHA256,
    REGION,
    SALES,
    SALES_SHA256,
    dataset_manifest,
    digest,
    sales_manifest,
)
from tests.fakes.lifecycle import CodeOf, KnownJobs
from tests.fakes.objects import InMemoryObjectStore

FROZEN = f"models/macro/datasets/{DATASET_SHA256}"


def ingested(**manifest: Any) -> InMemoryObjectStore:
    return InMemoryObjectStore(
        {
            "fred-data/train/fred_merged_data.csv": DATASET,
            "fred-data/train/manifest.json": json.dumps(dataset_manifest() | manifest).encode(),
        }
    )


def prepare(
    objects: InMemoryObjectStore | None = None, jobs: KnownJobs | None = None, code: bytes = b"code", **event: Any
) -> TrainingOrder:
    return prepare_training(
        parse(TrainingRequest, {"model": "macro", **event}),
        bucket=BUCKET,
        region=REGION,
        objects=objects or ingested(),
        jobs=jobs or KnownJobs(),
        code=CodeOf(code),
    )


def test_dataset_and_code_are_frozen_under_their_hashes() -> None:
    objects = ingested()
    order = prepare(objects)
    assert objects.get(f"{FROZEN}/fred_merged_data.csv").content == DATASET
    assert json.loads(objects.get(f"{FROZEN}/manifest.json").content)["last_month"] == "2019-12"
    assert objects.get(f"models/code/{digest(b'code')}/sourcedir.tar.gz").content == b"code"
    assert order.dataset.uri == f"s3://{BUCKET}/{FROZEN}/"
    assert (order.dataset.sha256, order.dataset.ends) == (DATASET_SHA256, "2019-12")
    assert order.output_uri == f"s3://{BUCKET}/models/macro/jobs"


def test_a_second_training_writes_nothing_anew() -> None:
    objects = ingested()
    prepare(objects)
    objects.puts.clear()
    prepare(objects)
    assert objects.puts == []


def test_the_job_gets_the_models_hyperparameters_and_its_code() -> None:
    order = prepare(hyperparameters={"trials": 3, "quick": True, "seed": "11"})
    assert order.hyperparameters == {
        "model": "macro",
        "target": "UNRATE",
        "horizons": "1,3,6,12",
        "seed": "11",
        "trials": "3",
        "quick": "true",
        "gate": MACRO.policy.hyperparameter,
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": f"s3://{BUCKET}/models/code/{digest(b'code')}/sourcedir.tar.gz",
        "sagemaker_region": "us-east-1",
    }


def test_the_name_says_what_is_trained_on_what() -> None:
    name = prepare().job_name
    assert name.startswith(f"macro-{DATASET_SHA256[:8]}-")
    assert name.endswith("-1")
    assert len(name) <= 63


def test_the_same_training_has_the_same_name() -> None:
    assert prepare().job_name == prepare(requested_by="somebody else", trigger="schedule").job_name


def test_other_code_or_hyperparameters_have_another_name() -> None:
    names = {prepare().job_name, prepare(code=b"changed").job_name, prepare(hyperparameters={"seed": 8}).job_name}
    assert len(names) == 3


def test_while_it_runs_nothing_new_is_named() -> None:
    name = prepare().job_name
    order = prepare(jobs=KnownJobs([TrainingJob(name, running=True)]))
    assert (order.already_running, order.job_name) == (True, name)


def test_after_a_job_ended_comes_the_next_attempt() -> None:
    first = prepare().job_name
    tenth = first[:-1] + "10"
    jobs = KnownJobs([TrainingJob(first, running=False), TrainingJob(tenth, running=False)])
    order = prepare(jobs=jobs)
    assert (order.already_running, order.job_name) == (False, first[:-1] + "11")


def test_a_job_of_another_kind_with_the_same_beginning_is_none() -> None:
    name = prepare().job_name + "-tuning"
    assert not prepare(jobs=KnownJobs([TrainingJob(name, running=True)])).already_running


def test_without_an_ingested_dataset_there_is_nothing_to_train_on() -> None:
    with pytest.raises(NotFoundError):
        prepare(InMemoryObjectStore())


def test_a_dataset_that_is_being_written_is_worth_another_try() -> None:
    with pytest.raises(TransientUpstreamError, match="being written"):
        prepare(ingested(sha256="0" * 64))


def test_a_broken_manifest_names_its_field() -> None:
    with pytest.raises(InvalidInputError) as refused:
        prepare(ingested(last_month="soon"))
    assert refused.value.field == "manifest.json last_month"


def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="known: cloudspend, housing, macro"):
        prepare(model="weather")


@pytest.mark.parametrize("name", ["model", "target", "sagemaker_program", "Seed", "a b", "--x", ""])
def test_what_the_caller_may_not_choose_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        merged_hyperparameters(MACRO, {name: "x"})
    assert refused.value.field == f"hyperparameters.{name}"


def test_a_value_too_long_for_sagemaker_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="2500"):
        merged_hyperparameters(MACRO, {"trials": "1" * 2501})


def test_sales_are_frozen_with_their_own_manifest() -> None:
    # Given sales as ingestion leaves them
    objects = InMemoryObjectStore(
        {
            "housing-data/train/sales.csv": SALES,
            "housing-data/train/manifest.json": json.dumps(sales_manifest()).encode(),
        }
    )
    # When the model that learns from them is to be trained
    order = prepare(objects, model="housing", hyperparameters={"train_before": "2015-01-01"})
    # Then they are frozen, and the job is named after them
    assert objects.get(f"models/housing/datasets/{SALES_SHA256}/sales.csv").content == SALES
    assert order.job_name.startswith(f"housing-{SALES_SHA256[:8]}-")
    assert (order.dataset.ends, order.output_uri) == ("2015-02-25", f"s3://{BUCKET}/models/housing/jobs")
    assert order.hyperparameters["model"] == "housing"
    assert order.hyperparameters["train_before"] == "2015-01-01"


def test_a_manifest_of_another_kind_is_refused() -> None:
    objects = InMemoryObjectStore(
        {
            "housing-data/train/sales.csv": SALES,
            "housing-data/train/manifest.json": json.dumps(dataset_manifest()).encode(),
        }
    )
    with pytest.raises(InvalidInputError, match="first_day"):
        prepare(objects, model="housing")
