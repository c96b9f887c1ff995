"""Which result each sample event must have in a container, and what has to be there for it.

The cases run in this order, each on what the ones before it left: the migration makes the tables that decisions go to.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from bellwether.models.domain.bundle import VersionFacts, reference_key
from bellwether.models.domain.catalogue import model_spec
from bellwether.news.domain.sentiment import StoryLine, answers_key, batch_key
from bellwether.news.domain.tickers import TickerFinder
from tests import builders
from tests.containers.world import ENDPOINT_ROLE, NEWEST_PACK, OLDER_PACK, SAMPLES, World
from tests.fakes import stories
from tests.places import ROOT

Event = dict[str, Any]
SAMPLE_ANSWERS_URL = "http://localhost:4566/custom-resource-answers"


def as_it_is(_world: World, event: Event) -> Event:
    """The event needs nothing."""
    return event


@dataclass(frozen=True)
class Case:
    """A sample event `events/<name>.json`. `error` is the errorType it must end in; `result` is part of its result.

    `given` prepares the world for the event and may point it at what runs here; `then` looks at what became of it.
    """

    name: str
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    given: Callable[[World, Event], Event] = as_it_is
    then: Callable[[World], None] = lambda _world: None

    @property
    def function(self) -> str:
        """Logical id in the template: models/ingest_series → IngestSeriesFunction."""
        verb_noun = self.name.split("/")[1]
        return "".join(word.capitalize() for word in verb_noun.split("_")) + "Function"


# --- operations -----------------------------------------------------------------------------------------------------

NEWEST = max(path.name[:4] for path in (ROOT / "db" / "migrations").glob("[0-9]*.sql"))
DECISION_ID = "166735c2-e082-50aa-9778-4d381f8a86b5"
REQUESTED_ID = "352fcc47-ac39-5421-8774-13e8160e9393"  # of kind, subject and key in request.json


def answered_here(world: World, event: Event) -> Event:
    """CloudFormation's place is taken by a server of ours."""
    return event | {"ResponseURL": event["ResponseURL"].replace(SAMPLE_ANSWERS_URL, world.answers_url)}


def answers_success(world: World) -> None:
    """The last answer to CloudFormation is a success."""
    assert world.answers, "CloudFormation got no answer"
    assert world.answers[-1]["Status"] == "SUCCESS", world.answers[-1]


OPERATIONS = (
    Case("operations/migrate_database/create", {"version": NEWEST}, given=answered_here, then=answers_success),
    Case("operations/migrate_database/update", {"applied": []}, given=answered_here, then=answers_success),
    Case("operations/migrate_database/direct", {"applied": []}),
    Case("operations/record_decision/outcome_without_decision", error="NotFoundError"),
    Case("operations/record_decision/decision", {"decision_id": DECISION_ID, "recorded": True}),
    Case("operations/record_decision/request", {"decision_id": REQUESTED_ID, "recorded": True}),
    Case("operations/record_decision/outcome", {"decision_id": DECISION_ID, "recorded": True}),
    Case("operations/record_decision/nonsense", error="InvalidInputError"),
    Case("operations/migrate_database/delete", {}, given=answered_here, then=answers_success),
)


# --- models: from a dataset to a prediction, and back ---------------------------------------------------------------

ENDPOINT = "Fred-Serverless-Endpoint"
PLANNED_CONFIG, CONFIG_BEFORE = "macro-v3-6405206d", "macro-v2-0badcafe"
CURRENT_VERSION = "/bellwether/local/macro/current"
EXPERIMENT_ID = "macro-v3-6a7e8feb"
UNREADABLE_MESSAGE = "00000002-0000-4000-8000-000000000000"
OUTPUT = f"models/macro/jobs/{builders.JOB_NAME}/output"


def pack_dropped(pack: str) -> Callable[[World, Event], Event]:
    """Somebody has put a sample pack into the inbox."""

    def drop(world: World, event: Event) -> Event:
        for path in sorted((SAMPLES / pack).glob("*.csv")):
            world.put(f"fred-data/inbox/{pack}/{path.name}", path.read_bytes())
        return event

    return drop


def dataset_published(world: World, event: Event) -> Event:
    """Ingestion has been there."""
    world.put("fred-data/train/fred_merged_data.csv", builders.DATASET)
    world.put("fred-data/train/manifest.json", json.dumps(builders.dataset_manifest()).encode())
    return event


def job_finished(world: World, event: Event) -> Event:
    """A training job has left its model and its report behind."""
    bundle = builders.bundle()
    report = json.dumps(builders.evaluation(bundle.sha256)).encode()
    manifest = json.dumps(builders.dataset_manifest()).encode()
    world.put(f"models/macro/datasets/{builders.DATASET_SHA256}/manifest.json", manifest)
    world.put(f"{OUTPUT}/model.tar.gz", bundle.tar())
    world.put(f"{OUTPUT}/output.tar.gz", builders.tar_gz({"evaluation.json": report}))
    return event


def bundle_delivered(world: World, event: Event) -> Event:
    """A finished bundle lies there with its figures."""
    bundle = builders.sentiment_bundle()
    folder = f"models/sentiment/jobs/{event['job_name']}/output"
    world.put(f"{folder}/model.tar.gz", bundle.tar())
    world.put(f"{folder}/evaluation.json", json.dumps(builders.agreement_report(bundle.sha256)).encode())
    return event


def of_the_registry(world: World, event: Event) -> Event:
    """The event is about a version that the registry has; moto writes its ARN in another way than AWS does."""
    packages = world.client("sagemaker").list_model_packages(ModelPackageGroupName=builders.GROUP)
    return event | {"model_package_arn": packages["ModelPackageSummaryList"][0]["ModelPackageArn"]}


def version_approved(world: World, event: Event) -> Event:
    """The registry has the event's version, approved; moto writes its ARN in another way than AWS does."""
    job_finished(world, event)
    served = builders.bundle().served()
    world.put(served.key, served.archive)
    sagemaker, arn = world.client("sagemaker"), ""
    while not arn.endswith(f"/{event['version']}"):
        arn = sagemaker.create_model_package(
            ModelPackageGroupName=builders.GROUP,
            ModelApprovalStatus="Approved",
            CustomerMetadataProperties=served.metadata,
            InferenceSpecification=served.specification,
        )["ModelPackageArn"]
    return event | {"model_package_arn": arn}


def endpoint_serves_before(world: World, event: Event) -> Event:
    """The endpoint serves the version before the plan's."""
    sagemaker = world.client("sagemaker")
    variant = {"VariantName": "AllTraffic", "ModelName": CONFIG_BEFORE}
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
    sagemaker.create_model(ModelName=CONFIG_BEFORE, ExecutionRoleArn=ENDPOINT_ROLE, Containers=[{"Image": "xgboost"}])
    sagemaker.create_endpoint_config(EndpointConfigName=CONFIG_BEFORE, ProductionVariants=[variant | serverless])
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=CONFIG_BEFORE)
    return event


def endpoint_serves(config: str) -> Callable[[World], None]:
    """The endpoint has got this configuration."""

    def check(world: World) -> None:
        found = world.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
        assert found["EndpointConfigName"] == config, found["EndpointConfigName"]

    return check


def golden_answer(world: World, event: Event) -> Event:
    """The endpoint answers the golden request as the model did when it was trained."""
    golden = {"request": builders.GOLDEN_REQUEST, "response": builders.GOLDEN_RESPONSE}
    world.put(event["golden_key"], json.dumps(golden).encode())
    version = model_spec(event["model"]).model_version(event["bundle_sha256"])
    world.endpoint_says(json.dumps(builders.GOLDEN_RESPONSE | {"model_version": version}))
    return event


def some_answer(world: World, event: Event) -> Event:
    """The endpoint answers."""
    world.endpoint_says(json.dumps(builders.GOLDEN_RESPONSE))
    return event


def two_answers(world: World, event: Event) -> Event:
    """The endpoint answers two rows."""
    world.endpoint_says(json.dumps({"results": [builders.GOLDEN_RESPONSE] * 2}))
    return event


def some_label(world: World, event: Event) -> Event:
    """The endpoint of the sentiment model answers."""
    world.endpoint_says(json.dumps({"id": None, "label": "positive", "model_version": "sentiment-0badcafe"}))
    return event


def captures_of(*models: str) -> Callable[[World], None]:
    """The day of the sample records has an object of each model."""

    def look(world: World) -> None:
        for model in models:
            prefix = f"captures/model={model}/date=2026-03-01/"
            assert world.client("s3").list_objects_v2(Bucket=builders.BUCKET, Prefix=prefix)["KeyCount"] == 1, model

    return look


def version_registered(world: World, event: Event) -> Event:
    """The registry has the event's version already."""
    pages = (
        world.client("sagemaker").get_paginator("list_model_packages").paginate(ModelPackageGroupName=builders.GROUP)
    )
    arns = [package["ModelPackageArn"] for page in pages for package in page["ModelPackageSummaryList"]]
    return event | {"model_package_arn": next(arn for arn in arns if arn.endswith(f"/{event['version']}"))}


def champion_serves(world: World, event: Event) -> Event:
    """Version 2 is current, and the challenger's version is registered."""
    event = version_registered(world, event)
    current = {
        "version": 2,
        "endpoint_config_name": CONFIG_BEFORE,
        "model_package_arn": event["model_package_arn"].rpartition("/")[0] + "/2",
        "bundle_sha256": "0" * 64,
        "promoted_at": "2026-03-01T12:00:00Z",
    }
    world.client("ssm").put_parameter(Name=CURRENT_VERSION, Value=json.dumps(current), Type="String", Overwrite=True)
    return event


def nothing_deployed_before(world: World, event: Event) -> Event:
    """There is no current version, and the endpoint is the plan's."""
    world.client("ssm").delete_parameters(Names=[CURRENT_VERSION])  # which minds none that is not there
    world.client("sagemaker").delete_endpoint(EndpointName=ENDPOINT)
    return event


INGEST = (
    Case("datasets/ingest_series/object_created", {"dataset": {"series": 1}}, given=pack_dropped(OLDER_PACK)),
    Case("datasets/ingest_series/schedule", {"quarantined": [], "dataset": {"series": 27, "last_month": "2016-05"}}),
    Case("datasets/ingest_series/manual_pack", {"dataset": {"last_month": "2016-06"}}, given=pack_dropped(NEWEST_PACK)),
    Case("datasets/ingest_series/manual_as_of", {"dataset": {"last_month": "2016-05"}}),
    Case("datasets/ingest_series/manual_accept_shrunken", {"ingested": [], "dataset": {"series": 27}}),
    Case("datasets/ingest_series/manual_defaults", {"ingested": [], "dataset": {"changed": False}}),
    Case("datasets/ingest_series/manual_fred_csv", {"failed": [], "dataset": {"last_month": "2016-06"}}),
    Case("datasets/ingest_series/manual_fred_api_vintages", {"failed": [], "dataset": {"series": 27}}),
)

BATCH_LINES = b"""{"data": {"sqft_living": 1800}, "as_of": "2026-02-01"}

{"data": {"sqft_living": "large"}}
"""
BATCH_ANSWERS = b"""{"prediction": 512000.0}
{"error": "invalid_input", "field": "sqft_living", "message": "has to be a number"}
"""


def lines_laid_out(world: World, event: Event) -> Event:
    """A version serves, and there are lines for it."""
    current = {
        "version": 2,
        "endpoint_config_name": "housing-v2-bbbbbbbb",
        "model_package_arn": builders.package_arn(2),
        "bundle_sha256": "b" * 64,
        "promoted_at": "2026-03-01T12:00:00Z",
    }
    name = "/bellwether/local/housing/current"
    world.client("ssm").put_parameter(Name=name, Value=json.dumps(current), Type="String", Overwrite=True)
    world.put(f"batch/{event['model']}/{event['name']}/input.jsonl", BATCH_LINES)
    return event


def lines_answered(world: World, event: Event) -> Event:
    """A transform job has answered them."""
    world.put(f"batch/{event['model']}/{event['name']}/output/{event['job_name']}/input.jsonl.out", BATCH_ANSWERS)
    return event


def no_lines(world: World, event: Event) -> Event:
    """There is a file with nothing in it."""
    world.put(f"batch/{event['model']}/{event['name']}/input.jsonl", b"")
    return event


SALES_FILE = b"""datesold,postcode,price,propertyType,bedrooms
2007-02-07,2607,525000,house,4
2007-02-27,2906,x,house,3
"""


def sales_dropped(world: World, event: Event) -> Event:
    """Somebody has put a file of sales into the inbox."""
    world.put("housing-data/inbox/sales.csv", SALES_FILE)
    return event


INGEST_SALES = (
    Case(
        "datasets/ingest_sales/object_created",
        {"rejections": 1, "dataset": {"layout": "canberra", "rows": 1}},
        given=sales_dropped,
    ),
    Case("datasets/ingest_sales/by_hand", {"ingested": [{"known": True}], "dataset": {"rows": 1}}, given=sales_dropped),
    Case("datasets/ingest_sales/start_over", {"ingested": [], "dataset": None}),
    Case("datasets/ingest_sales/no_sales", error="NotFoundError"),
)

MODELS = (
    *INGEST,
    *INGEST_SALES,
    Case("monitoring/request_retraining/by_schedule", {"accepted": True, "model": "macro"}, given=dataset_published),
    Case("monitoring/request_retraining/by_drift", {"accepted": True, "tell": False}),
    Case("monitoring/request_retraining/by_alarm", {"accepted": True, "tell": False}),
    Case("models/prepare_training/by_hand", {"already_running": False}),
    Case("models/prepare_training/by_schedule", {"already_running": False}),
    Case("models/prepare_training/unknown_model", error="NotFoundError"),
    Case("models/assess_candidate/finished_job", {"accepted": True}, given=job_finished),
    Case("models/register_candidate/accepted", {"version": 1}, given=job_finished),
    Case("models/assess_bundle/embedded", {"accepted": True, "model": "sentiment"}, given=bundle_delivered),
    Case("models/deploy_model/pending", {"started": False}),
    Case("models/deploy_model/archived", {"started": False}),
    Case("models/deploy_model/foreign_group", {"started": False}),
    Case("models/deploy_model/rejected", {"started": True}),
    Case("models/deploy_model/approved", {"started": True}),
    Case("models/verify_bundle/rollback", {"deploy": True, "version": 2}, given=version_approved),
    Case("models/verify_bundle/deploy", {"deploy": True, "version": 3}, given=version_approved),
    Case(
        "models/stage_endpoint/plan",
        {"endpoint_config_name": PLANNED_CONFIG},
        given=endpoint_serves_before,
        then=endpoint_serves(PLANNED_CONFIG),
    ),
    Case("models/smoke_test_endpoint/plan", {"passed": True}, given=golden_answer),
    Case("models/verify_bundle/challenge", {"deploy": False, "champion_version": None}, given=version_registered),
    Case("monitoring/start_experiment/plan", {"champion_version": 2, "mode": "shadow"}, given=champion_serves),
    Case("monitoring/judge_experiments/by_hand"),  # and nothing is started: the sample only looks
    Case("monitoring/withdraw_challenger/clear", {"experiment_id": EXPERIMENT_ID, "endpoint_deleted": False}),
    Case("monitoring/withdraw_challenger/delete", {"experiment_id": None, "reason": "there was no challenger"}),
    Case("monitoring/judge_experiments/schedule", {"rulings": []}),
    Case("models/promote_version/plan", {"version": 3}),
    Case("models/predict/current_figures", {"statusCode": 200}, given=some_answer),
    Case("models/predict/one_horizon", {"statusCode": 200}, given=some_answer),
    Case("models/predict/many_rows", {"statusCode": 200}, given=two_answers),
    Case("models/predict/text", {"statusCode": 200}, given=some_label),
    Case("models/predict/second_row_unusable", {"statusCode": 400}),
    Case("models/predict/no_data", {"statusCode": 400}),
    Case("models/predict/no_json", {"statusCode": 400}),
    Case("models/predict/unknown_model", {"statusCode": 404}),
    Case("models/prepare_batch/scenarios", {"state": "ready", "lines": 2}, given=lines_laid_out),
    Case("models/prepare_batch/no_lines", error="NotFoundError"),
    Case("models/finish_batch/answered", {"complete": True, "answers": 2, "refused": 1}, given=lines_answered),
    Case("models/finish_batch/empty", {"complete": True, "lines": 0}, given=no_lines),
    Case("monitoring/store_captures/two_models", {"batchItemFailures": []}, then=captures_of("macro", "housing")),
    Case("monitoring/store_captures/one_unreadable", {"batchItemFailures": [{"itemIdentifier": UNREADABLE_MESSAGE}]}),
    Case("models/restore_endpoint/plan", {"restored_to": CONFIG_BEFORE}, then=endpoint_serves(CONFIG_BEFORE)),
    Case("models/restore_endpoint/first_deployment", {"restored_to": None}, given=nothing_deployed_before),
    Case("monitoring/measure_freshness/daily", {}),
    Case("models/plan_archive/daily", {"postponed": 0}),
    Case("models/archive_version/archive", {"status": "archived"}, given=of_the_registry),
    Case("models/archive_version/restore", {"status": "restored"}, given=of_the_registry),
    Case("models/archive_version/delete_endpoint", {"status": "deleted"}),
)

# --- news: stories to their labels ----------------------------------------------------------------------------------


def story_laid_out(world: World, event: Event) -> Event:
    """A claim's story lies in the bucket, and the endpoint answers for it."""
    line = StoryLine.of(stories.story(1, "Apple rises"), TickerFinder(()))
    world.put(batch_key(UUID(event["claim_token"])), line.model_dump_json().encode())
    world.endpoint_says(json.dumps({"predictions": [stories.answer(line.instance)]}))
    return event


def batch_answered(world: World, event: Event) -> Event:
    """A batch transform has answered for the story."""
    line = StoryLine.of(stories.story(1, "Apple rises"), TickerFinder(()))
    world.put(batch_key(UUID(event["claim_token"])), line.model_dump_json().encode())
    world.put(answers_key(UUID(event["claim_token"])), json.dumps(stories.answer(line.instance)).encode())
    return event


CLASSIFY = (
    Case("news/claim_stories/by_schedule", {"mode": "none", "stories": 0}),
    Case("news/classify_stories/endpoint", {"classified": 1, "failed": 0}, given=story_laid_out),
    Case("news/classify_stories/batch", {"classified": 1, "failed": 0}, given=batch_answered),
    Case("news/store_classifications/results", {"stored": 0, "late": 1}),
    Case("news/store_classifications/release", {"released": 0}),
)

# --- dispatch and watch: nothing waits, orders are ones that nobody approved here ------------------------------------

DISPATCH = (
    Case("trading/set_dispatch_control/look", {"halted": False, "changed": False}),
    Case("trading/set_dispatch_control/halt", {"halted": True, "changed": True}),
    Case("trading/set_dispatch_control/resume", {"halted": False, "open_orders": 0}),
    Case("trading/review_price_gap/list", {"gaps": [], "unreviewed": 0}),
    Case("trading/list_positions/all", {"positions": [], "cash_usd": "25000"}),
    Case("trading/claim_recommendations/scheduled", {"count": 0, "refused": []}),
    Case("trading/claim_recommendations/few", {"count": 0}),
    Case("trading/execute_orders/dry_run", {"statuses": {"FILLED": 1}}),
    Case("trading/execute_orders/only_ask", {"statuses": {"UNSENT": 1}}),
    Case("trading/execute_orders/other_mode", {"statuses": {"UNCLEAR": 1}}),
    Case("trading/execute_orders/nothing", {"executions": []}),
    Case("trading/settle_executions/filled", {"settled": 0, "unknown": 1}),
    Case("trading/settle_executions/unclear", {"unclear": 0, "unknown": 1}),
    Case("operations/run_watchdog/scheduled", {"alerts": [], "heartbeat": 1}),
    Case("operations/run_watchdog/confirmed", {"confirmed": 0}),
)

# --- feeds and bars: last, for they leave rows behind; the publisher and the market are out of reach ------------------

NEWS = (
    Case("news/list_due_feeds/by_list", {"count": 2}),
    Case("news/list_due_feeds/by_parameter", {"count": 0}),  # leased a moment ago
    Case("news/list_due_feeds/faulty_list", {"count": 0}),  # two items are left out and reported
    Case("news/list_due_feeds/show"),
    Case("news/list_due_feeds/unchanged_list", {"count": 0}),
    Case("news/fetch_feeds/first_time"),  # a failed feed is a result, not an error
    Case("news/fetch_feeds/conditional"),
    Case("news/fetch_feeds/nothing_due", {"results": []}),
    Case("news/store_entries/inline", {"versions": 0}),
    Case("news/store_entries/claim_check", error="NotFoundError"),
    Case("trading/list_bar_gaps/tickers", {"gaps": []}),
    Case("trading/list_bar_gaps/no_tickers", {"requests": []}),
    Case("trading/list_bar_gaps/from_the_bucket", error="NotFoundError"),
    Case("trading/fetch_bars/nothing_to_fetch", {"bars": 0}),
    Case("trading/fetch_bars/two_tickers", error="TransientUpstreamError"),
    Case("trading/store_bars/inline", {"stored": 3, "revised": 0}),
    Case("trading/store_bars/through_the_bucket", error="NotFoundError"),
    Case("trading/store_bars/neither", error="InvalidInputError"),
    Case("trading/make_recommendations/schedule", {"made": 0}),
    Case("trading/make_recommendations/by_hand", {"made": 0}),
    Case("trading/make_recommendations/show", {"companies": [], "stories": []}),
)

# --- monitor: what was asked of the model in service, and what came true ----------------------------------------------


def model_in_service(world: World, event: Event) -> Event:
    """A version serves whose facts verification has kept; nobody has asked it anything yet."""
    sha256 = builders.bundle().sha256
    facts = VersionFacts.model_validate({"drift_reference": {}, "metrics": {}})
    world.put(reference_key("macro", sha256), facts.model_dump_json().encode())
    pointer = {
        "version": 1,
        "endpoint_config_name": "macro-v1",
        "model_package_arn": builders.package_arn(1),
        "bundle_sha256": sha256,
        "promoted_at": "2026-03-01T12:00:00Z",
    }
    world.client("ssm").put_parameter(Name=CURRENT_VERSION, Value=json.dumps(pointer), Type="String", Overwrite=True)
    return event


def truths_dropped(world: World, event: Event) -> Event:
    """Somebody has put a file of what came true into the inbox."""
    world.put(event["detail"]["object"]["key"], b"join_key,value\nh-1,350000\n")
    return event


MONITOR = (
    Case("monitoring/collect_actuals/forecasts", {"files": 0, "rejections": 0}, given=dataset_published),
    Case("monitoring/collect_actuals/file_dropped", {"files": 1, "actuals": 1, "rejections": 0}, given=truths_dropped),
    Case("monitoring/collect_actuals/unknown_model", error="NotFoundError"),
    Case("monitoring/measure_drift/deployed", {"measured": True, "found": False}, given=model_in_service),
    Case("monitoring/measure_drift/never_deployed", {"measured": False}),
    Case("monitoring/measure_drift/unknown_model", error="NotFoundError"),
)

# --- finops: no cost export has been delivered ---------------------------------------------------------------------

FINOPS = (
    Case("finops/find_deliveries/changed", {"count": 0}),
    Case("finops/find_deliveries/month_with_invoice", {"count": 0}),
    Case("finops/prepare_delivery/delivery", error="NotFoundError"),
    Case("finops/summarize_costs/newest_month", {"last": None}),
    Case("finops/summarize_costs/month_as_known_then", {"month": "2026-05", "last": None}),
    Case("finops/store_charges/result", error="NotFoundError"),
    Case("finops/store_charges/refused", {"outcome": "quarantined"}),
    Case("finops/forecast_costs/replayed", error="NotFoundError"),
    Case("finops/set_cost_control/envelope", {"cost_center": "retail", "month": "2026-06"}),
    Case("finops/set_cost_control/mute", {"service": "AmazonS3"}),
    Case("finops/show_outlook/forecast", {"months": [], "days": []}),
    Case("finops/show_outlook/budgets", {"budgets": []}),
    Case("finops/show_outlook/anomalies", {"anomalies": []}),
    Case("finops/show_outlook/score", {"by_day": []}),
)

CASES = OPERATIONS + MODELS + MONITOR + CLASSIFY + DISPATCH + NEWS + FINOPS
