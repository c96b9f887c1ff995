"""Training jobs: the container's contract, and every way a job can end."""

import json
import os
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.integration.localcloud.sagemaker.harness import (
    ACCOUNT,
    BUCKET,
    REGION,
    Cloud,
    SageMakerProcess,
    archive,
    start_training,
    trained,
)
from tests.waiting import wait_for

REPORT = """
import argparse, json, os, sys
from pathlib import Path
train = Path(os.environ["SM_CHANNEL_TRAIN"])
Path(os.environ["SM_MODEL_DIR"], "seen.json").write_text(json.dumps({
    "arguments": sys.argv[1:],
    "files": {p.relative_to(train).as_posix(): p.read_text() for p in train.rglob("*") if p.is_file()},
    "environment": {k: v for k, v in os.environ.items() if k.startswith(("SM_", "TRAINING_", "AWS_", "EXTRA"))},
    "folder": sorted(os.listdir()),
}))
Path(os.environ["SM_OUTPUT_DATA_DIR"], "evaluation.json").write_text("{}")
print("rmse=0.5")
print("rmse=0.25", file=sys.stderr)
"""

SLEEPER = """
import os, time
from pathlib import Path
Path(os.environ["SM_MODEL_DIR"], "half").write_text("done")
print("asleep", os.getpid(), flush=True)
time.sleep(600)
"""


def test_job_gets_the_containers_contract_and_leaves_its_artifacts(
    sagemaker: SageMakerProcess, cloud: Cloud, name: str
) -> None:
    # Given a prefix with two objects, and another key that only begins alike
    cloud.put(f"in/{name}/data.csv", "a,b\n")
    cloud.put(f"in/{name}/deep/manifest.json", "{}")
    # When a job runs on it
    arn = start_training(
        sagemaker,
        cloud,
        name,
        REPORT,
        input_uri=f"s3://{BUCKET}/in/{name}",
        hyperparameters={"horizons": "1,3,6,12", "seed": "7", "model": '"macro"', "rate": "1e-3"},
        Environment={"EXTRA": "yes"},
    )
    job = trained(sagemaker, name)
    # Then it is Completed, and has been through the stages
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed", job.get("FailureReason")
    assert [item["Status"] for item in job["SecondaryStatusTransitions"]] == [
        *("Starting", "Downloading", "Training", "Uploading", "Completed"),
    ]
    assert arn == job["TrainingJobArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/{name}"
    # And the script saw what a container's script sees
    seen = json.loads(cloud.files_in(f"jobs/{name}/output/model.tar.gz")["seen.json"])
    assert seen["arguments"] == [
        *("--horizons", "1,3,6,12", "--model", "macro", "--rate", "0.001", "--seed", "7"),
    ]
    assert seen["files"] == {"data.csv": "a,b\n", "deep/manifest.json": "{}"}
    environment = seen["environment"]
    assert environment["EXTRA"] == "yes"
    assert environment["TRAINING_JOB_NAME"] == name
    assert environment["SM_HP_SEED"] == "7"
    assert json.loads(environment["SM_HPS"]) == {"horizons": "1,3,6,12", "model": "macro", "rate": 0.001, "seed": 7}
    assert json.loads(environment["SM_CHANNELS"]) == ["train"]
    assert json.loads(environment["SM_HOSTS"]) == [environment["SM_CURRENT_HOST"]]
    assert json.loads(environment["SM_TRAINING_ENV"])["hyperparameters"]["seed"] == 7
    assert environment["SM_OUTPUT_DATA_DIR"] == f"{environment['SM_OUTPUT_DIR']}/data"
    assert "AWS_PROFILE" not in environment
    assert seen["folder"] == ["train.py"]
    # And the artifacts are where AWS puts them
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/jobs/{name}/output/model.tar.gz"
    assert cloud.files_in(f"jobs/{name}/output/output.tar.gz") == {"evaluation.json": "{}"}


def test_same_content_gives_the_same_archive(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given two jobs that write the same
    script = 'import os, pathlib; pathlib.Path(os.environ["SM_MODEL_DIR"], "m").write_text("1")'
    for job in (f"{name}-a", f"{name}-b"):
        start_training(sagemaker, cloud, job, script)
    # When both are done
    archives = [
        cloud.read(f"jobs/{job}/output/model.tar.gz")
        for job in (f"{name}-a", f"{name}-b")
        if trained(sagemaker, job)["TrainingJobStatus"] == "Completed"
    ]
    # Then their archives are the same, bit for bit
    assert len(archives) == 2
    assert archives[0] == archives[1]


def test_metrics_and_logs_are_kept(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given a job whose definition names a metric
    cloud.put(f"in/{name}/x", "")
    sources = {"TrainingImage": "image", "TrainingInputMode": "File"}
    start_training(sagemaker, cloud, f"{name}-first", REPORT, input_uri=f"s3://{BUCKET}/in/{name}/x")
    trained(sagemaker, f"{name}-first")
    first = sagemaker.api.describe_training_job(TrainingJobName=f"{name}-first")
    # When it runs
    sagemaker.api.create_training_job(
        **{
            key: first[key]
            for key in ("RoleArn", "HyperParameters", "InputDataConfig", "OutputDataConfig", "StoppingCondition")
        },
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        TrainingJobName=name,
        AlgorithmSpecification={**sources, "MetricDefinitions": [{"Name": "rmse", "Regex": "rmse=([0-9.]+)"}]},
    )
    job = trained(sagemaker, name)
    # Then the last value is kept, and its output is in a file and in CloudWatch Logs
    assert job["FinalMetricDataList"][0]["MetricName"] == "rmse"
    assert job["FinalMetricDataList"][0]["Value"] in {0.5, 0.25}
    assert "rmse=0.5" in (sagemaker.home / "logs" / "training" / f"{name}.log").read_text()

    def logged() -> bool:
        events = cloud.logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=name)
        return {"rmse=0.5", "rmse=0.25"} <= {event["message"] for event in events["events"]}

    wait_for(logged, "the output is in CloudWatch Logs")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param(
            'import os, sys, pathlib; pathlib.Path(os.environ["SM_OUTPUT_DIR"], "failure").write_text("no rows left");'
            " sys.exit(4)",
            "AlgorithmError: no rows left, exit code: 4",
            id="failure-file",
        ),
        pytest.param("raise KeyError('UNRATE')", "KeyError: 'UNRATE'", id="exception"),
        pytest.param("import os; os.kill(os.getpid(), 9)", "exit code: 137", id="killed"),
    ],
)
def test_failed_job_says_why(sagemaker: SageMakerProcess, cloud: Cloud, name: str, script: str, reason: str) -> None:
    # Given a script that fails
    start_training(sagemaker, cloud, name, script)
    # When it has run
    job = trained(sagemaker, name)
    # Then the job is Failed with the script's reason
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert reason in job["FailureReason"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"input_uri": f"s3://{BUCKET}/nowhere/"}, "matched no files on s3"),
        ({"input_uri": "s3://no-such-bucket/x"}, "ClientError: Data download failed:NoSuchBucket"),
        ({"hyperparameters": {"sagemaker_submit_directory": f"s3://{BUCKET}/no.tar.gz"}}, "NoSuchKey"),
        ({"hyperparameters": {"sagemaker_program": "other.py"}}, "no such file in the submitted sources: other.py"),
    ],
    ids=["no-objects", "no-bucket", "no-sources", "no-program"],
)
def test_what_is_not_there_fails_the_job(
    sagemaker: SageMakerProcess, cloud: Cloud, name: str, change: dict[str, object], reason: str
) -> None:
    # When a job names something that does not exist
    start_training(sagemaker, cloud, name, "", **change)  # type: ignore[arg-type]
    # Then it is Failed and names it
    job = trained(sagemaker, name)
    assert job["TrainingJobStatus"] == "Failed"
    assert reason in job["FailureReason"]


def test_sources_that_leave_their_folder_are_refused(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given an archive with a path out of its folder
    evil = cloud.put(f"code/{name}/evil.tar.gz", archive({"train.py": "", "../../evil": "x"}))
    # When a job runs from it
    start_training(sagemaker, cloud, name, "", hyperparameters={"sagemaker_submit_directory": evil})
    # Then it fails before anything ran
    job = trained(sagemaker, name)
    assert "OutsideDestinationError" in job["FailureReason"]


def test_time_limit_ends_the_job_and_keeps_what_it_has(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # When a job runs longer than it may
    start_training(sagemaker, cloud, name, SLEEPER, max_runtime_seconds=1)
    job = trained(sagemaker, name)
    # Then it is Stopped as MaxRuntimeExceeded, and its half-done model is kept
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert cloud.files_in(f"jobs/{name}/output/model.tar.gz") == {"half": "done"}


def test_stop_ends_a_job_that_ignores_it_and_all_its_children(
    sagemaker: SageMakerProcess, cloud: Cloud, name: str
) -> None:
    # Given a job that ignores SIGTERM and has started a child
    script = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('pids', os.getpid(), child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    start_training(sagemaker, cloud, name, script)
    pids = _printed_pids(sagemaker.home / "logs" / "training" / f"{name}.log")
    # When it is stopped
    sagemaker.api.stop_training_job(TrainingJobName=name)
    stopping = sagemaker.api.describe_training_job(TrainingJobName=name)
    # Then it says so, ends after the grace time, and takes its child along
    assert stopping["TrainingJobStatus"] == "Stopping"
    job = trained(sagemaker, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    wait_for(lambda: not any(map(_alive, pids)), "its processes are gone")
    # And stopping it again is refused
    with pytest.raises(ClientError, match="job is in status Stopped"):
        sagemaker.api.stop_training_job(TrainingJobName=name)


def test_name_is_used_once(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given a job
    start_training(sagemaker, cloud, name, "")
    # When another one has the same name
    with pytest.raises(ClientError) as caught:
        start_training(sagemaker, cloud, name, "")
    # Then AWS's error code comes back
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    trained(sagemaker, name)


def test_unknown_job_is_a_validation_exception(sagemaker: SageMakerProcess) -> None:
    with pytest.raises(ClientError) as caught:
        sagemaker.api.describe_training_job(TrainingJobName="nobody")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["Error"]["Message"] == "Requested resource not found."


def test_request_is_held_against_the_api_model(sagemaker: SageMakerProcess, cloud: Cloud) -> None:
    # When a name breaks the API's pattern, and a value is none of the enumeration
    with pytest.raises(ClientError) as caught:
        start_training(sagemaker, cloud, "under_score", "")
    # Then it is refused in AWS's words
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "'trainingJobName' failed to satisfy constraint: Member must satisfy regular expression pattern" in str(
        caught.value
    )


def test_jobs_are_listed_by_name_in_pages(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given three jobs with a common prefix, of which one fails
    for number in range(3):
        start_training(sagemaker, cloud, f"{name}-{number}", "" if number else "raise SystemExit(1)")
    for number in range(3):
        trained(sagemaker, f"{name}-{number}")
    # When they are listed, one a page
    pages = sagemaker.api.get_paginator("list_training_jobs").paginate(
        NameContains=name, SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 1}
    )
    listed = [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]
    failed = sagemaker.api.list_training_jobs(NameContains=name, StatusEquals="Failed")["TrainingJobSummaries"]
    # Then each comes once, in order, and the filter holds
    assert listed == [f"{name}-2", f"{name}-1", f"{name}-0"]
    assert [job["TrainingJobName"] for job in failed] == [f"{name}-0"]


def test_every_change_is_an_event(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # When a job fails
    start_training(sagemaker, cloud, name, "raise SystemExit(2)", Tags=[{"Key": "App", "Value": "bellwether"}])
    trained(sagemaker, name)
    # Then its way is on EventBridge, as AWS shapes it
    events = wait_for(
        lambda: (
            found
            if (found := cloud.events("SageMaker Training Job State Change", name))
            and found[-1]["detail"]["TrainingJobStatus"] == "Failed"
            else None
        ),
        "the last event has arrived",
    )
    assert events[0]["source"] == "aws.sagemaker"
    assert events[0]["resources"] == [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/{name}"]
    assert [event["detail"]["SecondaryStatus"] for event in events] == [
        *("Starting", "Downloading", "Training", "Failed"),
    ]
    last = events[-1]["detail"]
    assert "exit code: 2" in last["FailureReason"]
    assert last["Tags"] == {"App": "bellwether"}
    assert last["CreationTime"] > 1_600_000_000_000, "milliseconds"


def _printed_pids(log: Path) -> list[int]:
    def look() -> list[int] | None:
        lines = log.read_text().splitlines() if log.exists() else []
        return [int(pid) for pid in lines[0].split()[1:]] if lines else None

    return wait_for(look, "the job has started")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text()
