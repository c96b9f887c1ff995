"""Requests that botocore signs for many services are accepted as they are, and refused after any change."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError as ParseError

from localcloud.access_key import AccessKey
from localcloud.signatures import ReceivedRequest, Signature, SignatureRefusedError

KEY = AccessKey.random()
HOST = "127.0.0.1:4566"
KEYS_OF_OBJECTS = ["plain.csv", "a b+c.csv", "täglich/ü.csv", "twice//slash", "100%/50%25", "q?x=1&y=2#z", "~-_.()'!*"]


class _Answer:
    def stream(self, **_options: object) -> list[bytes]:
        return [b"{}"]


def sent(
    service: str, call: Callable[[Any], object], *, key: AccessKey = KEY, url: str = f"http://{HOST}", **config: Any
) -> tuple[ReceivedRequest, bytes]:
    """The request that a client sends for a call, and its body."""
    client: Any = boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
        config=Config(s3={"addressing_style": "path"}, inject_host_prefix=False, retries={"max_attempts": 0}, **config),
    )
    requests: list[AWSPreparedRequest] = []

    def keep(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        requests.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Answer())

    client.meta.events.register("before-send", keep)
    with suppress(ClientError, ParseError, KeyError):  # the answer is empty, which XML is not
        call(client)
    request = requests[0]
    body: Any = request.body or b""
    body = body.read() if hasattr(body, "read") else body
    headers = [(name, value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()]
    return received(request.method, request.url, headers), body.encode() if isinstance(body, str) else body


def received(method: str, url: str, headers: list[tuple[str, str]]) -> ReceivedRequest:
    parts = urlsplit(url)
    return ReceivedRequest(method, parts.path, parts.query, [("Host", HOST), *headers])


def verify(request: ReceivedRequest, body: bytes, key: AccessKey = KEY, now: datetime | None = None) -> None:
    signature = Signature.read(request)
    signature.require_key(key.key_id)
    signature.require_valid(key.secret, body, now)


CALLS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "json": ("secretsmanager", lambda c: c.get_secret_value(SecretId="ops-pipeline/db")),
    "query": ("cloudformation", lambda c: c.describe_stacks(StackName="a b+c")),
    "query without input": ("sts", lambda c: c.get_caller_identity()),
    "message": ("sns", lambda c: c.publish(TopicArn="arn:aws:sns:us-east-1:000000000000:t", Message="ü & %20")),
    "queue": ("sqs", lambda c: c.send_message(QueueUrl=f"http://{HOST}/000000000000/q", MessageBody="{}")),
    "path of an ARN": (
        "lambda",
        lambda c: c.get_function(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:a"),
    ),
    "query string": ("lambda", lambda c: c.list_functions(Marker="a+b /=&%", MaxItems=3)),
    "invocation": ("lambda", lambda c: c.invoke(FunctionName="f", Payload=b'{"a": 1}')),
    "endpoint": (
        "sagemaker-runtime",
        lambda c: c.invoke_endpoint(EndpointName="Fred-Serverless-Endpoint", Body=b"{}", ContentType="text/plain"),
    ),
    "list objects": ("s3", lambda c: c.list_objects_v2(Bucket="b", Prefix="a b+c/ü", StartAfter="x&y")),
    "subresource": ("s3", lambda c: c.get_bucket_versioning(Bucket="b")),
    "metadata": ("s3", lambda c: c.put_object(Bucket="b", Key="k", Body=b"x", Metadata={"note": "two  spaces"})),
    "copy": ("s3", lambda c: c.copy_object(Bucket="b", Key="k", CopySource={"Bucket": "b", "Key": "a b+ü"})),
    "delete": ("s3", lambda c: c.delete_objects(Bucket="b", Delete={"Objects": [{"Key": "ü"}]})),
    "rest": ("apigateway", lambda c: c.get_rest_apis(limit=5)),
    "logs": ("logs", lambda c: c.filter_log_events(logGroupName="/aws/lambda/f")),
    **{
        f"object {key}": ("s3", lambda c, key=key: c.put_object(Bucket="b", Key=key, Body=b"date,value\n"))  # type: ignore[misc]
        for key in KEYS_OF_OBJECTS
    },
}


@pytest.mark.parametrize("name", CALLS)
def test_what_botocore_signs_is_accepted(name: str) -> None:
    verify(*sent(*CALLS[name]))


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_a_payload_that_is_not_signed_is_accepted(payload: str) -> None:
    # Given an upload over TLS, where botocore leaves the body out of the signature
    trailer = payload.startswith("STREAMING")
    extra = {} if trailer else {"ContentMD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    request, _ = sent(
        "s3",
        lambda c: c.put_object(Bucket="b", Key="k", Body=b"1234", **extra),
        url=f"https://{HOST}",
        request_checksum_calculation="when_supported" if trailer else "when_required",
    )
    # Then it is accepted with whatever body arrives
    assert request.header("x-amz-content-sha256") == payload
    verify(request, b"4\r\n1234\r\n0\r\n\r\n")


def test_a_payload_signed_by_chunk_is_refused() -> None:
    request, body = sent(*CALLS["object plain.csv"])
    streamed = [
        (name, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" if name == "X-Amz-Content-SHA256" else value)
        for name, value in request.headers
    ]
    with pytest.raises(SignatureRefusedError, match="does not verify payloads signed as STREAMING-AWS4"):
        verify(replace(request, headers=streamed), body)


@pytest.mark.parametrize("key", KEYS_OF_OBJECTS)
@pytest.mark.parametrize("operation", ["get_object", "put_object"])
def test_a_presigned_url_is_valid_until_it_expires(key: str, operation: str) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{HOST}",
        region_name="us-east-1",
        aws_access_key_id=KEY.key_id,
        aws_secret_access_key=KEY.secret,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    url = client.generate_presigned_url(operation, Params={"Bucket": "b", "Key": key}, ExpiresIn=3600)
    request = received("GET" if operation == "get_object" else "PUT", url, [])
    now = datetime.now(UTC)
    verify(request, b"any body", now=now + timedelta(minutes=59))
    with pytest.raises(SignatureRefusedError, match="Signature expired"):
        verify(request, b"", now=now + timedelta(minutes=61))
    with pytest.raises(SignatureRefusedError, match="does not match"):
        verify(replace(request, path=request.path + "x"), b"")
    with pytest.raises(SignatureRefusedError, match="does not match"):
        verify(replace(request, query=request.query.replace("Expires=3600", "Expires=7200")), b"")


@pytest.mark.parametrize("name", ["json", "query", "list objects", "invocation"])
@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_signature_of_another_time_is_refused(name: str, minutes: int) -> None:
    request, body = sent(*CALLS[name])
    with pytest.raises(SignatureRefusedError, match="Signature expired"):
        verify(request, body, now=datetime.now(UTC) + timedelta(minutes=minutes))


@pytest.mark.parametrize("name", ["json", "query", "list objects", "invocation", "metadata"])
def test_any_change_is_refused(name: str) -> None:
    request, body = sent(*CALLS[name])
    changed: list[tuple[ReceivedRequest, bytes]] = [
        (replace(request, method="DELETE"), body),
        (replace(request, path="/other" + request.path), body),
        (replace(request, query=request.query + "&x=1"), body),
        (request, body + b" "),
        (replace(request, headers=[*request.headers, ("X-Amz-Target", "secretsmanager.DeleteSecret")]), body),
        (replace(request, headers=[*request.headers, ("X-Amz-Meta-Other", "1")]), body),
        (replace(request, headers=[(n, "other" if n == "Host" else v) for n, v in request.headers]), body),
    ]
    for each in changed:
        with pytest.raises(SignatureRefusedError):
            verify(*each)


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("json", ("UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException")),
        ("query", ("InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationToken")),
        ("list objects", ("InvalidAccessKeyId", "SignatureDoesNotMatch", None)),
    ],
)
def test_each_protocol_has_the_error_codes_of_aws(name: str, codes: tuple[str, str, str | None]) -> None:
    strangers = AccessKey.random()
    unknown_key = sent(*CALLS[name], key=strangers)
    invented_signature = sent(*CALLS[name], key=AccessKey(KEY.key_id, strangers.secret))
    request, body = sent(*CALLS[name])
    unsigned = replace(request, headers=[each for each in request.headers if each[0] != "Authorization"])
    for asked, code in zip((unknown_key, invented_signature, (unsigned, body)), codes, strict=True):
        with pytest.raises(SignatureRefusedError) as refused:
            verify(*asked)
        assert code in (refused.value.code, None)
        assert "<Code>" in refused.value.xml


@pytest.mark.parametrize(
    "header",
    [
        "",
        "AWS4-HMAC-SHA256",
        "AWS AKIDEXAMPLE:c2lnbmF0dXJl",
        "Basic dGVzdDp0ZXN0",
        f"AWS4-HMAC-SHA256 Credential={KEY.key_id}/20260301/us-east-1/s3, SignedHeaders=host, Signature={'0' * 64}",
        f"AWS4-HMAC-SHA256 Credential={KEY.key_id}, SignedHeaders=host, Signature={'0' * 64}",
        "AWS4-HMAC-SHA256 Credential=////, SignedHeaders=, Signature=",
        json.dumps({"Credential": KEY.key_id}),
    ],
)
def test_an_authorization_that_is_no_signature_is_refused(header: str) -> None:
    headers = [("Authorization", header)] if header else []
    with pytest.raises(SignatureRefusedError, match="no signature of version 4"):
        verify(received("GET", f"http://{HOST}/b?X-Amz-Credential={KEY.key_id}", headers), b"")
