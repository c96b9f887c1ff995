"""Small, valid things to start a test from; each test changes what it is about."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from bellwether.models.domain.bundle import served_key
from bellwether.models.domain.capture import Actual, CaptureRecord
from bellwether.models.domain.deployment import serving_environment
from bellwether.models.domain.experiment import Experiment

BUCKET = "fred-fintech-data-000000000000"
DATASET = b"month,UNRATE,PAYEMS\n2019-11-30,3.6,151812\n2019-12-31,3.6,151959\n"
DATASET_SHA256 = sha256(DATASET).hexdigest()
JOB_NAME = f"macro-{DATASET_SHA256[:8]}-0f0f0f0f-1"
GROUP = "FredRecessionModels"
REGION = "us-east-1"
ACCOUNT = "000000000000"
JOBS_URI = f"s3://{BUCKET}/models/macro/jobs"
DATASET_URI = f"s3://{BUCKET}/models/macro/datasets/{DATASET_SHA256}/"


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return sha256(content).hexdigest()


def dataset_manifest() -> dict[str, Any]:
    """`manifest.json` of DATASET."""
    entry = {
        "title": "Unemployment Rate",
        "unit": "percent",
        "frequency": "monthly",
        "aggregation": "mean",
        "tcode": 2,
        "publication_lag_months": 1,
        "first_month": "2019-11",
        "last_month": "2019-12",
        "rows": 2,
        "vintage": "20200110T133000Z-0123456789ab",
        "sha256": digest(b"series"),
    }
    return {
        "schema_version": 1,
        "dataset": "fred",
        "sha256": DATASET_SHA256,
        "rows": 2,
        "first_month": "2019-11",
        "last_month": "2019-12",
        "series": [{"series": name, **entry} for name in ("UNRATE", "PAYEMS")],
    }


def horizon(
    months: int, *, model: float = 0.12, random_walk: float = 0.15, ar: float = 0.14, **changes: Any
) -> dict[str, Any]:
    """One horizon of `evaluation.json`: better than its baselines, significantly so, with honest intervals."""
    return {
        "horizon_months": months,
        "n": 240,
        "rmse": {"model": model, "random_walk": random_walk, "ar": ar},
        "mae": {"model": model * 0.8, "random_walk": random_walk * 0.8, "ar": ar * 0.8},
        "bias": 0.001,
        "versus": {
            name: {"rmse_ratio": model / rmse, "dm_statistic": -3.0, "p_value": 0.002}
            for name, rmse in (("random_walk", random_walk), ("ar", ar))
        },
        "intervals": [{"level": 0.8, "coverage": 0.79, "mean_width": 0.4}],
        "slices": [{"slice": "recessions", "n": 30, "rmse": {"model": 0.2, "random_walk": 0.3}}],
        **changes,
    }


def recession(*, model: float = 0.085, probit: float = 0.133, **changes: Any) -> dict[str, Any]:
    """The recession head's part of `evaluation.json`: better than the probit, and calibrated."""
    return {
        "within_months": 12,
        "label_embargo_months": 24,
        "first_origin": "1985-01",
        "last_origin": "2017-12",
        "n": 396,
        "recessions": 3,
        "base_rate": 0.17,
        "brier": {"model": model, "probit": probit},
        "log_loss": {"model": 0.26, "probit": 0.43},
        "auc": {"model": 0.934, "probit": 0.724},
        "bias": -0.01,
        "versus": {"probit": {"brier_ratio": model / probit, "dm_statistic": 2.4, "p_value": 0.009}},
        "reliability": [{"from": 0.0, "to": 0.05, "n": 396, "mean_probability": 0.16, "observed_share": 0.17}],
        "slices": [],
        **changes,
    }


def evaluation(bundle_sha256: str, **changes: Any) -> dict[str, Any]:
    """`evaluation.json` of a candidate that deserves to pass."""
    return {
        "schema_version": 1,
        "model": "macro",
        "target": "UNRATE",
        "unit": "percent",
        "dataset_sha256": DATASET_SHA256,
        "bundle_sha256": bundle_sha256,
        "seed": 7,
        "backtest": {"first_origin": "1990-01", "last_origin": "2019-11"},
        "horizons": [horizon(1), horizon(3), horizon(6), horizon(12)],
        "recession": recession(),
        "feature_importance": [{"feature": "UNRATE_lag_1", "share": 1.0}],
        **changes,
    }


SALES = b"id,date,price,sqft\n7129300520,2014-10-13,221900,1180\n7129300520,2015-02-25,538000,2570\n"
SALES_SHA256 = sha256(SALES).hexdigest()
SALES_JOB_NAME = f"housing-{SALES_SHA256[:8]}-0f0f0f0f-1"


def sales_manifest() -> dict[str, Any]:
    """`manifest.json` of SALES."""
    columns = [("id", "id", ""), ("date", "date", ""), ("price", "price", "USD"), ("sqft", "number", "square feet")]
    return {
        "schema_version": 1,
        "dataset": "housing",
        "layout": "by_hand",
        "sha256": SALES_SHA256,
        "rows": 2,
        "first_day": "2014-10-13",
        "last_day": "2015-02-25",
        "columns": [{"name": name, "role": role, "unit": unit, "fill": "refuse"} for name, role, unit in columns],
    }


def valuation_metrics(*, model: float = 0.115, median_by_place: float = 0.228, **changes: Any) -> dict[str, Any]:
    """One part of a valuation's `evaluation.json`: half the baseline's error, unbiased, with honest intervals."""
    return {
        "n": 4_000,
        "mape": {"model": model, "median_by_place": median_by_place},
        "rmse": {"model": 105_000.0, "median_by_place": 240_000.0},
        "r2": 0.911,
        "bias": -0.0233,
        "versus": {"median_by_place": {"mape_ratio": model / median_by_place, "dm_statistic": -30.0, "p_value": 0.0}},
        "intervals": [{"level": 0.8, "coverage": 0.817, "mean_width": 150_000.0, "n": 4_000}],
        "slices": [{"slice": "zipcode 98103", "n": 120, "mape": {"model": 0.1, "median_by_place": 0.2}}],
        **changes,
    }


def valuation(bundle_sha256: str, **changes: Any) -> dict[str, Any]:
    """`evaluation.json` of a valuation that deserves to pass."""
    return {
        "schema_version": 1,
        "model": "housing",
        "target": "price",
        "unit": "USD",
        "dataset_sha256": SALES_SHA256,
        "bundle_sha256": bundle_sha256,
        "seed": 7,
        "split": {"by": "dates", "holdout_before": "2015-05-28", "n_holdout": 4_000},
        "baselines": {"median_by_place": "median price of the place"},
        "holdout": valuation_metrics(),
        "holdout_online": valuation_metrics(model=0.113, bias=-0.0034),
        "eval": valuation_metrics(n=3_000),
        "training": {"seconds": 61.2, "rounds": 780, "loss_curve": [{"round": 1, "train": 0.5, "eval": 0.5}]},
        "feature_importance": [{"feature": "grade", "share": 1.0}],
        **changes,
    }


def housing_bundle(**changes: Any) -> "Bundle":
    """A valuation's bundle."""
    facts: dict[str, Any] = {
        "model": "housing",
        "target": "price",
        "unit": "USD",
        "horizons_months": [],
        "inputs": [{"name": "sqft", "kind": "number", "unit": "square feet", "fill": "refuse", "minimum": 100}],
        "dataset_sha256": SALES_SHA256,
    }
    return bundle(**facts | changes)


def labelled_set(
    name: str, *, n: int = 400, accuracy: float = 0.75, macro_f1: float = 0.7, **all_neutral: float
) -> dict[str, Any]:
    """One set of a classifier's `evaluation.json`: clearly better than always neutral."""
    baseline = {"n": n, "accuracy": 0.6, "macro_f1": 0.25} | all_neutral
    return {"name": name, "model": {"n": n, "accuracy": accuracy, "macro_f1": macro_f1}, "all_neutral": baseline}


def agreement_report(bundle_sha256: str, **changes: Any) -> dict[str, Any]:
    """`evaluation.json` of a classifier that deserves to pass."""
    return {
        "schema_version": 1,
        "model": "sentiment",
        "target": "tone",
        "unit": "label",
        "engine": "lexicon",
        "bundle_sha256": bundle_sha256,
        "sets": [labelled_set("headlines"), labelled_set("posts", macro_f1=0.6)],
        **changes,
    }


def sentiment_bundle(**changes: Any) -> "Bundle":
    """A classifier's bundle."""
    facts = {"model": "sentiment", "target": "tone", "unit": "label", "horizons_months": [0]}
    return bundle(**facts | changes)


GOLDEN_REQUEST = {"data": {"UNRATE": 3.6, "PAYEMS": 151959}, "month": "2020-01"}
GOLDEN_RESPONSE = {
    "prediction": 3.55,
    "interval": {"level": 0.8, "lower": 3.4, "upper": 3.7},
    "horizon_months": 1,
    "unit": "percent",
    "predictions": [{"horizon_months": 1, "prediction": 3.55}, {"horizon_months": 3, "prediction": 3.57}],
    "filled": [],
}


@dataclass(frozen=True)
class Bundle:
    """A model bundle: its files by name, `bundle.json` among them."""

    files: Mapping[str, bytes]

    @property
    def sha256(self) -> str:
        """What the bundle is known by."""
        return digest(self.files["bundle.json"])

    @property
    def version(self) -> str:
        """What its endpoint calls itself."""
        return f"macro-{self.sha256[:8]}"

    def tar(self) -> bytes:
        """`model.tar.gz`."""
        return tar_gz(self.files)

    def served(self, model: str = "macro") -> "ServedBundle":
        """As registration leaves it."""
        return ServedBundle(model, self.sha256, self.tar())


@dataclass(frozen=True)
class ServedBundle:
    """The copy that a registered version is served from, and what the registry says of it."""

    model: str
    bundle_sha256: str
    archive: bytes

    @property
    def key(self) -> str:
        """Key in the data bucket."""
        return served_key(self.model, digest(self.archive))

    @property
    def uri(self) -> str:
        """Model data of the version's container."""
        return f"s3://{BUCKET}/{self.key}"

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata of the version."""
        return {"bundle_sha256": self.bundle_sha256, "archive_sha256": digest(self.archive), "job_name": JOB_NAME}

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the version's container."""
        return serving_environment(self.bundle_sha256, digest(self.archive))

    @property
    def specification(self) -> dict[str, Any]:
        """Inference specification of the version."""
        return {
            "Containers": [{"Image": "xgboost:3.2-0", "ModelDataUrl": self.uri, "Environment": self.environment}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        }


def bundle(**changes: Any) -> Bundle:
    """A whole bundle, its manifest with these changes."""
    parts = {
        "model.ubj": b"trees",
        "history.csv": b"month,UNRATE\n2019-12-31,3.6\n",
        "code/inference.py": b"def model_fn(folder): ...\n",
    }
    manifest = {
        "schema_version": 1,
        "model": "macro",
        "target": "UNRATE",
        "unit": "percent",
        "horizons_months": [1, 3, 6, 12],
        "inputs": [{"name": "UNRATE", "unit": "percent", "fill": "refuse", "minimum": 0, "maximum": 100}],
        "features": ["UNRATE_lag_1"],
        "training_window": {"first_month": "1960-01", "last_month": "2019-12"},
        "dataset_sha256": DATASET_SHA256,
        "seed": 7,
        "metrics": {},
        "recession": {"within_months": 12, "label_embargo_months": 24},
        "drift_reference": {},
        "golden": {"request": GOLDEN_REQUEST, "response": GOLDEN_RESPONSE},
        "parts": {name: digest(content) for name, content in parts.items()},
        **changes,
    }
    return Bundle({"bundle.json": json.dumps(manifest).encode(), **parts})


def tar_gz(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar of these files; the same files give the same bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def training_job(job_name: str = JOB_NAME) -> dict[str, Any]:
    """What `createTrainingJob.sync` hands on of a completed job, of the model that its name begins with."""
    model = job_name.partition("-")[0]
    jobs_uri = f"s3://{BUCKET}/models/{model}/jobs"
    return {
        "TrainingJobName": job_name,
        "TrainingJobArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/{job_name}",
        "TrainingJobStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": f"{jobs_uri}/{job_name}/output/model.tar.gz"},
        "OutputDataConfig": {"S3OutputPath": jobs_uri},
        "AlgorithmSpecification": {"TrainingImage": "xgboost:3.2-0", "TrainingInputMode": "File"},
        "HyperParameters": {
            "model": model,
            "sagemaker_submit_directory": f"s3://{BUCKET}/models/code/{'c' * 64}/sourcedir.tar.gz",
        },
    }


def assessment_request(**changes: Any) -> dict[str, Any]:
    """Event of AssessCandidateFunction."""
    return {
        "model": "macro",
        "job_name": JOB_NAME,
        "training_job": training_job(),
        "dataset": {"uri": DATASET_URI, "sha256": DATASET_SHA256, "ends": "2019-12"},
        **changes,
    }


def valuation_request(**changes: Any) -> dict[str, Any]:
    """Event of AssessCandidateFunction about a valuation."""
    return {
        "model": "housing",
        "job_name": SALES_JOB_NAME,
        "training_job": training_job(SALES_JOB_NAME),
        "dataset": {
            "uri": f"s3://{BUCKET}/models/housing/datasets/{SALES_SHA256}/",
            "sha256": SALES_SHA256,
            "ends": "2015-02-25",
        },
        **changes,
    }


def package_arn(version: int) -> str:
    """ARN of a registered version."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{GROUP.lower()}/{version}"


def state_change(*, event_id: str = "6a7e8feb-b491-4cf7-a9f1-bf3703467718", **detail: Any) -> dict[str, Any]:
    """EventBridge's event of a version that was approved."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "SageMaker Model Package State Change",
        "source": "aws.sagemaker",
        "account": ACCOUNT,
        "time": "2026-03-01T12:00:00Z",
        "region": REGION,
        "resources": [package_arn(3)],
        "detail": {
            "ModelPackageGroupName": GROUP,
            "ModelPackageArn": package_arn(3),
            "ModelPackageVersion": 3,
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "Approved",
            **detail,
        },
    }


def deployment_plan(version: int = 3, **changes: Any) -> dict[str, Any]:
    """What verification hands to every later step."""
    bundle_sha256 = bundle().sha256
    name = f"macro-v{version}-{bundle_sha256[:8]}"
    return {
        "model": "macro",
        "version": version,
        "model_package_arn": package_arn(version),
        "action": "deploy",
        "deploy": True,
        "reason": "all hashes match the approved bundle",
        "bundle_sha256": bundle_sha256,
        "model_name": name,
        "endpoint_config_name": name,
        "endpoint_name": "Fred-Serverless-Endpoint",
        "previous_config_name": "macro-v2-0badcafe",
        "golden_key": f"models/macro/golden/{bundle_sha256}.json",
        **changes,
    }


def capture(request_id: str = "r-1", **changes: Any) -> CaptureRecord:
    """A captured prediction of macro."""
    return CaptureRecord.model_validate(
        {
            "request_id": request_id,
            "model": "macro",
            "model_version": "macro-0badcafe",
            "received_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
            "latency_ms": 12.5,
            "status": "answered",
            "input": {"UNRATE": 4.1},
            "output": {"prediction": 4.2},
            "points": [{"join_key": "UNRATE:2026-04", "prediction": 4.2, "lower": 4.0, "upper": 4.4}],
            **changes,
        }
    )


def actual(join_key: str = "UNRATE:2026-04", value: float = 4.3, **changes: Any) -> Actual:
    """What came true of macro."""
    observed_at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    return Actual.model_validate(
        {
            "model": "macro",
            "join_key": join_key,
            "value": value,
            "observed_at": observed_at,
            "source": "fred",
            **changes,
        }
    )


def experiment(**changes: Any) -> Experiment:
    """Version 4 of macro, tried in the shadow of version 3."""
    return Experiment.model_validate(
        {
            "experiment_id": "macro-v4-20260301",
            "model": "macro",
            "mode": "shadow",
            "share": 1.0,
            "champion_version": 3,
            "challenger_version": 4,
            "challenger_endpoint_name": "Fred-Serverless-Endpoint-Challenger",
            "challenger_config_name": "macro-v4-0ddba115",
            "challenger_bundle_sha256": "0ddba115" * 8,
            "started_at": datetime(2026, 3, 1, tzinfo=UTC),
            "ends_at": datetime(2026, 3, 15, tzinfo=UTC),
            **changes,
        }
    )
