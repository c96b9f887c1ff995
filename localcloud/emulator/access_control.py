"""Only who holds the cloud's key may use it: ministack takes any credentials, and every user of the machine reaches it.

Each request must be signed with the key of this process, in its headers or as a presigned URL.
"""

import asyncio
import json
import os
import re
from typing import Any

from ministack import app
from ministack.core import lambda_runtime

from localcloud.emulator.patching import replace
from localcloud.signatures import ReceivedRequest, Signature, SignatureRefusedError

_OPEN = (
    ("GET", re.compile(r"/_ministack/(health|ready)")),
    ("PUT", re.compile(r"/_ministack/cfn-response/[0-9a-f-]{32,}")),  # a token that CloudFormation made
)
_LARGE_BODY_BYTES = 1 << 20  # a larger one is hashed in a thread, so that other requests do not wait


def apply() -> None:
    key_id, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    if len(key_id) < 32:
        raise RuntimeError("AWS_ACCESS_KEY_ID is not a key of a local cloud: too short")
    replace(app, "app", ("scope", "receive", "send"), lambda serve: _guarded(serve, key_id, secret))
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


def _guarded(serve: Any, key_id: str, secret: str) -> Any:
    async def serve_guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket") or _is_open(scope):
            await serve(scope, receive, send)
            return
        try:
            receive_again = await _verified(scope, receive, key_id, secret)
        except SignatureRefusedError as refused:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await _refuse(refused, scope["method"], send)
            return
        await serve(scope, receive_again, send)

    return serve_guarded


def _is_open(scope: Any) -> bool:
    return scope["type"] == "http" and any(
        scope["method"] == method and path.fullmatch(scope["path"]) for method, path in _OPEN
    )


async def _verified(scope: Any, receive: Any, key_id: str, secret: str) -> Any:
    """Verify the signature and return what ministack receives the same request from."""
    signature = Signature.read(
        ReceivedRequest(
            method=scope.get("method", "GET"),
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        )
    )
    signature.require_key(key_id)
    if scope["type"] == "websocket":
        signature.require_valid(secret, b"")
        return receive
    messages = await _messages(receive)
    body = b"".join(message.get("body", b"") for message in messages)
    if len(body) > _LARGE_BODY_BYTES:
        await asyncio.to_thread(signature.require_valid, secret, body)
    else:
        signature.require_valid(secret, body)
    waiting = iter(messages)

    async def receive_again() -> Any:
        return next(waiting, None) or await receive()

    return receive_again


async def _messages(receive: Any) -> list[Any]:
    """All messages of the request's body; one of a caller that has gone is the last."""
    messages: list[Any] = []
    while not messages or messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


async def _refuse(refused: SignatureRefusedError, method: str, send: Any) -> None:
    headers = [(b"x-amzn-errortype", refused.code.encode())]
    if refused.protocol == "json":
        content = json.dumps({"__type": refused.code, "message": refused.message})
        headers.append((b"content-type", b"application/x-amz-json-1.1"))
    else:
        content = refused.xml
        headers.append((b"content-type", b"text/xml"))
    body = content.encode()
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
