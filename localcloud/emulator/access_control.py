"""Only who knows the cloud's key may use it: ministack takes any credentials, and every user of the machine reaches it.

Each request must name the key id of this process, in its signature or in a presigned URL. The signature itself is not
computed: the id is as long and as random as a secret, and is never sent over a network.
"""

import hmac
import json
import os
import re
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import lambda_runtime

from localcloud.emulator.patching import replace

_OPEN = (
    ("GET", re.compile(r"/_ministack/(health|ready)")),
    ("PUT", re.compile(r"/_ministack/cfn-response/[0-9a-f-]{32,}")),  # a token that CloudFormation made
)
_CREDENTIAL = re.compile(rb"Credential=([^/,\s]+)/")
_MESSAGE = "The access key id is not the one of this cloud"


def apply() -> None:
    key_id = os.environ["AWS_ACCESS_KEY_ID"].encode()
    if len(key_id) < 32:
        raise RuntimeError("AWS_ACCESS_KEY_ID is not a key of a local cloud: too short")
    replace(app, "app", ("scope", "receive", "send"), lambda serve: _guarded(serve, key_id))
    replace(lambda_runtime, "execution_credentials", ("config",), _ours)


def _ours(_original: Any) -> Any:
    """Functions sign with the key of this process, not with their account's number."""

    def execution_credentials(_config: dict[str, Any]) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
            "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
            "AWS_SESSION_TOKEN": "",
        }

    return execution_credentials


def _guarded(serve: Any, key_id: bytes) -> Any:
    async def serve_guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket") or _allowed(scope, key_id):
            await serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refuse(scope, send)

    return serve_guarded


def _allowed(scope: Any, key_id: bytes) -> bool:
    if scope["type"] == "http" and any(
        scope["method"] == method and path.fullmatch(scope["path"]) for method, path in _OPEN
    ):
        return True
    return any(hmac.compare_digest(each, key_id) for each in _key_ids(scope))


def _key_ids(scope: Any) -> list[bytes]:
    named = [
        found[1]
        for name, value in scope.get("headers", [])
        if name.lower() == b"authorization" and (found := _CREDENTIAL.search(value))
    ]
    query = parse_qs(scope.get("query_string", b""))
    return named + [value.partition(b"/")[0] for value in query.get(b"X-Amz-Credential", [])]


async def _refuse(scope: Any, send: Any) -> None:
    headers = {name.lower(): value for name, value in scope.get("headers", [])}
    if b"x-amz-target" in headers or b"json" in headers.get(b"content-type", b""):
        content = json.dumps({"__type": "UnrecognizedClientException", "message": _MESSAGE})
    else:
        content = f"<Error><Code>InvalidAccessKeyId</Code><Message>{_MESSAGE}</Message></Error>"
    body = content.encode()
    answer = [(b"x-amzn-errortype", b"UnrecognizedClientException"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": answer})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
