"""What end-to-end tests do over and over: train, approve, wait, read the mail, read the ledger."""

import hashlib
import io
import json
import tarfile
import time
from dataclasses import dataclass
from typing import Any

from bellwether.models.domain.bundle import served_key
from bellwether.models.domain.deployment import ARCHIVE_VERSION_ID, serving_environment
from cli import deployments, executions, ingestion, predictions, registry, training
from cli.target import Target
from tests.places import SAMPLES

MODEL = "macro"
PACKS = sorted(path for path in (SAMPLES / "fred").iterdir() if path.is_dir())
FIRST_VERSION = 1  # whose metadata name no experiment
WAIT_SECONDS = 900  # far beyond what an idle machine takes


def subscribe(target: Target) -> str:
    """A queue that receives what approvers receive; returns its URL."""
    sqs, sns = target.client("sqs"), target.client("sns")
    url: str = sqs.create_queue(QueueName="e2e-mail")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=target.output("ApprovalsTopicArn"), Protocol="sqs", Endpoint=arn)
    return url


@dataclass(frozen=True)
class Flow:
    """A stack with data in it and a first version in service."""

    target: Target
    mailbox: str
    ingested: ingestion.Ingested

    def train(self, **hyperparameters: str) -> dict[str, Any]:
        """Train with a small budget and wait for the end; a failed execution raises CommandError."""
        return self.await_execution(training.start(self.target, MODEL, {"trials": "2", **hyperparameters}))

    def await_execution(self, arn: str) -> dict[str, Any]:
        return executions.follow(self.target, arn, timeout_seconds=WAIT_SECONDS)

    def candidate(self) -> int:
        """Register a pending version that answers as the one in service does: the same files under another hash."""
        files = self.read_bundle(self.serving())
        manifest = json.loads(files["bundle.json"]) | {"seed": time.time_ns() % 10**9}
        return self.register_copy(FIRST_VERSION, files | {"bundle.json": json.dumps(manifest).encode()})

    def approve(self, version: int) -> str:
        """Approve a version; returns the deployment's execution ARN."""
        return deployments.approve(self.target, MODEL, registry.numbered_version(self.target, MODEL, version))

    def deploy(self, version: int) -> dict[str, Any]:
        """Approve a version and wait for its deployment."""
        return self.await_execution(self.approve(version))

    def serving(self) -> int:
        """The version that the pointer names."""
        return registry.current_version(self.target, MODEL)

    def served_model(self) -> str:
        """The version that the endpoint itself says it is."""
        return str(predictions.predict(self.target, MODEL, {"UNRATE": "4.9"})["model_version"])

    def package_arn(self, version: int) -> str:
        return registry.numbered_version(self.target, MODEL, version).arn

    def mails(self) -> list[str]:
        """Everything sent to the approvers since the last look: subject and text."""
        sqs, texts = self.target.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.mailbox, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                body = json.loads(message["Body"])
                texts.append(f"{body.get('Subject', '')}\n{body['Message']}")
                sqs.delete_message(QueueUrl=self.mailbox, ReceiptHandle=message["ReceiptHandle"])
        return texts

    def model_data(self, version: int) -> tuple[str, str]:
        """Bucket and key of a version's model.tar.gz."""
        package = self.target.client("sagemaker").describe_model_package(ModelPackageName=self.package_arn(version))
        url = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        bucket, key = url.removeprefix("s3://").split("/", 1)
        return bucket, key

    def read_bundle(self, version: int) -> dict[str, bytes]:
        """Files of a version's bundle, by path."""
        bucket, key = self.model_data(version)
        body = self.target.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            files = {member.name.removeprefix("./"): tar.extractfile(member) for member in tar if member.isfile()}
            return {name: file.read() for name, file in files.items() if file is not None}

    def write_bundle(self, version: int, files: dict[str, bytes]) -> None:
        """Replace a version's model.tar.gz in S3."""
        bucket, key = self.model_data(version)
        self.target.client("s3").put_object(Bucket=bucket, Key=key, Body=packed(files))

    def register_copy(self, version: int, files: dict[str, bytes]) -> int:
        """Register other files, honestly hashed, as a further version that waits for approval."""
        sagemaker = self.target.client("sagemaker")
        original = sagemaker.describe_model_package(ModelPackageName=self.package_arn(version))
        bucket, _ = self.model_data(version)
        manifest = json.loads(files["bundle.json"])
        manifest["parts"] = {name: sha256(body) for name, body in files.items() if name != "bundle.json"}
        files = files | {"bundle.json": json.dumps(manifest).encode()}
        known = original["CustomerMetadataProperties"]
        archive, bundle_sha256 = packed(files), sha256(files["bundle.json"])
        key = served_key(MODEL, sha256(archive))
        self.target.client("s3").put_object(Bucket=bucket, Key=key, Body=archive)
        container = original["InferenceSpecification"]["Containers"][0] | {
            "ModelDataUrl": f"s3://{bucket}/{key}",
            "Environment": serving_environment(bundle_sha256, sha256(archive)),
        }
        arn = sagemaker.create_model_package(
            ModelPackageGroupName=original["ModelPackageGroupName"],
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification=original["InferenceSpecification"] | {"Containers": [container]},
            CustomerMetadataProperties={
                **{name: value for name, value in known.items() if name != ARCHIVE_VERSION_ID},
                "bundle_sha256": bundle_sha256,
                "archive_sha256": sha256(archive),
            },
        )["ModelPackageArn"]
        return int(arn.rsplit("/", 1)[-1])


def packed(files: dict[str, bytes]) -> bytes:
    """The files as a model.tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
