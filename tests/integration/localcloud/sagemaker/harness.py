"""A local SageMaker in a process of its own, the cloud around it, and small jobs and bundles to give it."""

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from localcloud.access_key import AccessKey
from tests.places import ROOT
from tests.waiting import LIMIT_SECONDS, wait_for

REGION = "us-east-1"
ACCOUNT = "000000000000"
BUCKET = "data"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sagemaker"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
GRACE_SECONDS = 1.0
KEY = AccessKey("LOCALTEST", "secret")


def client(service: str, url: str, key: AccessKey = KEY) -> Any:
    """A boto3 client that sees every error: no retries."""
    session = boto3.session.Session(aws_access_key_id=key.key_id, aws_secret_access_key=key.secret, region_name=REGION)
    return session.client(
        service,  # type: ignore[call-overload]
        endpoint_url=url,
        config=Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            read_timeout=LIMIT_SECONDS,
        ),
    )


def archive(files: dict[str, str]) -> bytes:
    """A tar.gz with those files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            content = text.encode()
            item = tarfile.TarInfo(name)
            item.size = len(content)
            tar.addfile(item, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class Cloud:
    """What is around SageMaker."""

    url: str
    s3: Any
    sqs: Any
    queue_url: str
    logs: Any
    seen: list[dict[str, Any]] = field(default_factory=list)

    def put(self, key: str, body: bytes | str) -> str:
        """Write an object; its address."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def read(self, key: str) -> bytes:
        """An object's bytes."""
        content: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def files_in(self, key: str) -> dict[str, str]:
        """Files of a tar.gz in S3."""
        with tarfile.open(fileobj=io.BytesIO(self.read(key))) as tar:
            return {
                item.name: opened.read().decode() for item in tar if item.isfile() and (opened := tar.extractfile(item))
            }

    def events(self, detail_type: str, resource: str) -> list[dict[str, Any]]:
        """Events about a resource so far, in order of arrival."""
        while messages := self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.seen.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [
            event for event in self.seen if event["detail-type"] == detail_type and resource in event["resources"][0]
        ]


class SageMakerProcess:
    """The server as a process that can be stopped, killed and started again on the same home."""

    def __init__(self, home: Path, cloud_url: str) -> None:
        self.home = home
        self.cloud_url = cloud_url
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = client("sagemaker", self.url)
        self.runtime = client("sagemaker-runtime", self.url)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home.parent / f"{self.home.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "localcloud.sagemaker", "--port", str(self.port), "--home", str(self.home)),
                    *("--events-url", self.cloud_url, "--s3-url", self.cloud_url),
                    *("--interpreter", sys.executable, "--stop-grace-seconds", str(GRACE_SECONDS)),
                ],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "PYTHONWARNINGS": "error",
                    "AWS_ACCESS_KEY_ID": KEY.key_id,
                    "AWS_SECRET_ACCESS_KEY": KEY.secret,
                },
            )
        wait_for(self._answers, "the server answers")

    def stop(self) -> int:
        """A clean stop; its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """No chance to tidy up."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(LIMIT_SECONDS)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.home.parent / f"{self.home.name}.log").read_text()
        try:
            urllib.request.urlopen(f"{self.url}/_local/health", timeout=10).close()  # noqa: S310 - our own address
        except OSError:
            return False
        return True


def start_training(
    server: SageMakerProcess,
    cloud: Cloud,
    name: str,
    script: str,
    *,
    hyperparameters: dict[str, str] | None = None,
    max_runtime_seconds: int = 60,
    input_uri: str | None = None,
    **more: Any,
) -> str:
    """Create a training job that runs `script`; its ARN."""
    sources = cloud.put(f"code/{name}/sourcedir.tar.gz", archive({"train.py": script}))
    if input_uri:
        source = {"S3DataType": "S3Prefix", "S3Uri": input_uri}
        more["InputDataConfig"] = [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    arn: str = server.api.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        HyperParameters={
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": json.dumps(sources),
            "sagemaker_region": REGION,
            **(hyperparameters or {}),
        },
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/jobs"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": max_runtime_seconds},
        **more,
    )["TrainingJobArn"]
    return arn


def trained(server: SageMakerProcess, name: str) -> dict[str, Any]:
    """The job's description once it is over."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = server.api.describe_training_job(TrainingJobName=name)
        return job if job["TrainingJobStatus"] in {"Completed", "Failed", "Stopped"} else None

    return wait_for(look, f"{name} is over")


DOUBLER = """
import hashlib, json, os, sys, time
from pathlib import Path

def model_fn(model_dir):
    factor = (Path(model_dir) / "factor").read_text()
    manifest = json.loads((Path(model_dir) / "bundle.json").read_text())
    if hashlib.sha256(factor.encode()).hexdigest() != manifest["sha256"]:
        raise RuntimeError("BundleTampered: factor differs from its hash")
    return float(factor)

def input_fn(body, content_type):
    assert isinstance(body, str), type(body)
    request = json.loads(body)
    if "x" not in request:
        raise ValueError(json.dumps({"field": "x", "reason": "is missing"}))
    return request

def predict_fn(request, model):
    print("predicting", request)
    if request.get("die"):
        os._exit(3)
    while "hold" in request and not Path(request["hold"]).exists():
        time.sleep(0.02)
    return {"y": request["x"] * model, "pid": os.getpid()}

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""


def put_bundle(cloud: Cloud, name: str, factor: str = "2", *, tampered: bool = False, code: str = DOUBLER) -> str:
    """A model bundle in S3: multiplies by `factor`, checks its own hash."""
    digest = hashlib.sha256(factor.encode()).hexdigest()
    return cloud.put(
        f"models/{name}/model.tar.gz",
        archive(
            {
                "bundle.json": json.dumps({"sha256": digest}),
                "factor": f"{factor}0" if tampered else factor,
                "code/inference.py": code,
            }
        ),
    )


def create_config(
    server: SageMakerProcess, name: str, model_data_url: str, *, max_concurrency: int = 5, **container: Any
) -> str:
    """A model and a serverless configuration of that name."""
    server.api.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": model_data_url, **container},
    )
    server.api.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": name,
                "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": max_concurrency},
            }
        ],
    )
    return name


def settled(server: SageMakerProcess, name: str) -> dict[str, Any]:
    """The endpoint's description once it is neither Creating nor Updating."""

    def look() -> dict[str, Any] | None:
        endpoint: dict[str, Any] = server.api.describe_endpoint(EndpointName=name)
        return endpoint if endpoint["EndpointStatus"] not in {"Creating", "Updating"} else None

    return wait_for(look, f"endpoint {name} has settled")


def ask(server: SageMakerProcess, endpoint: str, request: Any) -> dict[str, Any]:
    """InvokeEndpoint with JSON both ways."""
    answer = server.runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=json.dumps(request)
    )
    content: dict[str, Any] = json.loads(answer["Body"].read())
    return content
