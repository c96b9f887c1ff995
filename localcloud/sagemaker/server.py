"""HTTP: SageMaker's JSON protocol, InvokeEndpoint, and moto behind everything that is not ours.

What we carry out ourselves never reaches moto, and none of moto's code is changed: it is one WSGI application behind
another. It is imported when first needed, because few need it. What moto holds (experiments, pipelines, model cards …)
is gone after a stop.
"""

import io
import json
import logging
import os
import re
import threading
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from localcloud.sagemaker.documents import Document
from localcloud.sagemaker.endpoints import Invocation
from localcloud.sagemaker.errors import InvocationError, SageMakerError
from localcloud.sagemaker.service import LocalSageMaker
from localcloud.signatures import ReceivedRequest, Signature, SignatureRefusedError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

HEALTH_PATH = "/_local/health"
_TARGET = re.compile(r"SageMaker\.(\w+)")
_INVOCATION = re.compile(r"/endpoints/([^/]+)/invocations")
_JSON = "application/x-amz-json-1.1"
_MOTO_VERSION = "5.2.5"


class Application:
    """The WSGI application."""

    def __init__(self, service: LocalSageMaker) -> None:
        self._service = service
        self._moto: WSGIApplication | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        response = self._refusal(request) or self._answer(request)
        if response is None:
            environ["wsgi.input"] = io.BytesIO(request.get_data())  # we may have read it to look for the action
            return self._moto_application()(environ, start_response)
        response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
        return response(environ, start_response)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that is not signed with the cloud's key; None for others, and for the health."""
        if request.path == HEALTH_PATH:
            return None
        path, _, query = str(request.environ["REQUEST_URI"]).partition("?")
        try:
            signature = Signature.read(ReceivedRequest(request.method, path, query, list(request.headers.items())))
            signature.require_key(self._service.configuration.key.key_id)
            signature.require_valid(self._service.configuration.key.secret, request.get_data())
        except SignatureRefusedError as refused:
            return _error(SageMakerError(refused.message), refused.code, status=403)
        return None

    def _answer(self, request: Request) -> Response | None:
        if request.path == HEALTH_PATH:
            return _json_response({"status": "running", "home": str(self._service.configuration.home)})
        invocation = _INVOCATION.fullmatch(request.path)
        if invocation and request.method == "POST":
            return self._invoke(request, invocation[1])
        target = _TARGET.fullmatch(request.headers.get("X-Amz-Target", ""))
        return self._act(request, target[1]) if target else None

    def _act(self, request: Request, name: str) -> Response | None:
        try:
            body = json.loads(request.get_data() or b"{}")
        except ValueError:
            return _error(SageMakerError("the request body is not JSON"), "SerializationException")
        action = self._service.action(name, body)
        if action is None:
            return None
        try:
            return _json_response(action(body))
        except SageMakerError as error:
            return _error(error)
        except Exception as error:
            logger.exception("action failed: %s", name)
            return _error(SageMakerError(f"{type(error).__name__}: {error}"), status=500)

    def _invoke(self, request: Request, name: str) -> Response:
        headers = request.headers
        accept = headers.get("Accept", "")
        try:
            prediction = self._service.invoke(
                Invocation(
                    endpoint_name=name,
                    body=request.get_data(),
                    content_type=headers.get("Content-Type") or "application/octet-stream",
                    accept=accept if accept not in {"", "*/*"} else "application/json",
                    target_variant=headers.get("X-Amzn-SageMaker-Target-Variant"),
                )
            )
        except InvocationError as error:
            return _error(error)
        except Exception as error:
            logger.exception("invocation failed: %s", name)
            return _error(SageMakerError(f"{type(error).__name__}: {error}"), status=500)
        return Response(
            prediction.body,
            content_type=prediction.content_type,
            headers={"x-Amzn-Invoked-Production-Variant": prediction.variant},
        )

    def _moto_application(self) -> "WSGIApplication":
        with self._lock:
            if self._moto is None:
                self._moto = _load_moto(self._service.configuration.account)
            return self._moto


def _load_moto(account: str) -> "WSGIApplication":
    os.environ["MOTO_ACCOUNT_ID"] = account
    import moto
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    if moto.__version__ != _MOTO_VERSION:
        raise RuntimeError(f"moto is {moto.__version__}: check what its SageMaker does now (was {_MOTO_VERSION})")
    application: WSGIApplication = DomainDispatcherApplication(create_backend_app)
    return application


def _json_response(document: Document, status: int = 200) -> Response:
    return Response(json.dumps(document), status=status, content_type=_JSON)


def _error(error: SageMakerError, code: str | None = None, status: int | None = None) -> Response:
    code = code or error.code
    document = {"__type": code, "message": error.message, "Message": error.message, **error.details}
    response = _json_response(document, status or error.status)
    response.headers["x-amzn-ErrorType"] = code
    return response


class _QuietHandler(WSGIRequestHandler):
    """One line of our own log for each request, instead of werkzeug's colours."""

    def log(self, type: str, message: str, *args: object) -> None:
        del type
        logger.debug(message, *args)


def open_server(service: LocalSageMaker) -> BaseWSGIServer:
    """A server that listens already and answers once `serve_forever` is called. Raises OSError: the port is taken."""
    configuration = service.configuration
    return make_server(
        configuration.host, configuration.port, Application(service), threaded=True, request_handler=_QuietHandler
    )
