"""Verification of AWS Signature Version 4, as AWS does it before a service reads the request.

Both HTTP servers of the local cloud use it: the emulator and the local SageMaker. botocore computes the signature of
the received request again with the cloud's secret; nothing here does cryptography of its own. Imports botocore only:
the emulator runs in an environment of its own.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<credential>[^,\s]+),\s*"
    r"SignedHeaders=(?P<signed_headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_CLOCK_SKEW = timedelta(minutes=15)
_LONGEST_PRESIGNED = timedelta(days=7)
# Payloads that the signature leaves out. Other STREAMING-* values sign each chunk, which botocore never does.
_UNSIGNED_PAYLOADS = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
_QUERY_PROTOCOL = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it came over the wire: `path` and `query` are still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str:
        """All values of a header, joined as a signature has them; empty without one."""
        return ",".join(value for each, value in self.headers if each.lower() == name)


class SignatureRefusedError(Exception):
    """The request is not signed with the cloud's key. `reason` is the general name of AWS's errors for it."""

    def __init__(self, reason: str, message: str, request: ReceivedRequest, service: str) -> None:
        super().__init__(message)
        self.protocol = _protocol(request, service)
        self.code = _CODES[reason][self.protocol]
        self.message = message

    @property
    def xml(self) -> str:
        """The body of the answer for services that speak XML."""
        error = f"<Code>{self.code}</Code><Message>{self.message}</Message>"
        if self.protocol == "s3":
            return f"<Error>{error}</Error>"
        return f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"


_CODES = {
    "missing": {
        "json": "MissingAuthenticationTokenException",
        "query": "MissingAuthenticationToken",
        "s3": "AccessDenied",
    },
    "key": {"json": "UnrecognizedClientException", "query": "InvalidClientTokenId", "s3": "InvalidAccessKeyId"},
    "signature": {"json": "InvalidSignatureException", "query": "SignatureDoesNotMatch", "s3": "SignatureDoesNotMatch"},
    "time": {"json": "InvalidSignatureException", "query": "SignatureDoesNotMatch", "s3": "RequestTimeTooSkewed"},
    "payload": {
        "json": "InvalidSignatureException",
        "query": "SignatureDoesNotMatch",
        "s3": "XAmzContentSHA256Mismatch",
    },
}


@dataclass(frozen=True)
class Signature:
    """What a request says about its signature; `expires` is set for a presigned URL."""

    request: ReceivedRequest
    key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    value: str
    timestamp: str
    expires: timedelta | None

    @classmethod
    def read(cls, request: ReceivedRequest) -> "Signature":
        """The signature in the Authorization header or in the query. Raises SignatureRefusedError without one."""
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        if header := request.header("authorization"):
            match = _HEADER.fullmatch(header)
            parts = match.groupdict() if match else {}
            timestamp, expires = request.header("x-amz-date"), None
        else:
            names = {
                "credential": "X-Amz-Credential",
                "signed_headers": "X-Amz-SignedHeaders",
                "signature": "X-Amz-Signature",
            }
            parts = {name: query[parameter] for name, parameter in names.items() if parameter in query}
            timestamp, expires = query.get("X-Amz-Date", ""), _seconds(query.get("X-Amz-Expires", ""))
        scope = parts.get("credential", "").rsplit("/", 4)
        if len(parts) != 3 or len(scope) != 5 or scope[4] != "aws4_request" or (not header and expires is None):
            raise SignatureRefusedError("missing", "The request has no signature of version 4", request, "")
        key_id, date, region, service, _ = scope
        return cls(
            request=request,
            key_id=key_id,
            date=date,
            region=region,
            service=service,
            signed_headers=tuple(parts["signed_headers"].split(";")),
            value=parts["signature"],
            timestamp=timestamp,
            expires=expires,
        )

    def require_key(self, key_id: str) -> None:
        """Raise SignatureRefusedError for another key. Needs no body, so that a stranger's body is never read."""
        if not hmac.compare_digest(self.key_id.encode(), key_id.encode()):
            raise self._refused("key", "The access key id is not the one of this cloud")

    def require_valid(self, secret: str, body: bytes, now: datetime | None = None) -> None:
        """Raise SignatureRefusedError unless the secret signs this request with this body, at about this time."""
        self._require_time(now or datetime.now(UTC))
        self._require_headers()
        self._require_payload(body)
        signer = self._signer(secret)
        signed = self._signed_request(body)
        signed.context["timestamp"] = self.timestamp
        expected = signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed)
        if not hmac.compare_digest(expected.encode(), self.value.encode()):
            raise self._refused("signature", "The signature does not match the one computed with the key of this cloud")

    def _require_time(self, now: datetime) -> None:
        try:
            signed_at = datetime.strptime(self.timestamp, _TIMESTAMP).replace(tzinfo=UTC)
        except ValueError:
            raise self._refused("signature", "X-Amz-Date is not a time such as 20260301T120000Z") from None
        if self.date != self.timestamp[:8]:
            raise self._refused("signature", "The date in Credential is not the one of X-Amz-Date")
        latest = signed_at + (_CLOCK_SKEW if self.expires is None else self.expires)
        if not signed_at - _CLOCK_SKEW <= now <= latest:
            raise self._refused("time", f"Signature expired: signed at {self.timestamp}, now it is {now:{_TIMESTAMP}}")

    def _require_headers(self) -> None:
        present = {name.lower() for name, _ in self.request.headers}
        unsigned = {each for each in present if each == "host" or each.startswith("x-amz-")} - set(self.signed_headers)
        if unsigned or "host" not in self.signed_headers:
            raise self._refused("signature", f"Headers are not signed: {', '.join(sorted(unsigned)) or 'host'}")

    def _require_payload(self, body: bytes) -> None:
        stated = self.request.header("x-amz-content-sha256")
        if stated.startswith("STREAMING-") and stated not in _UNSIGNED_PAYLOADS:
            raise self._refused("payload", f"The local cloud does not verify payloads signed as {stated}")
        if stated and stated not in _UNSIGNED_PAYLOADS and stated != sha256(body).hexdigest():
            raise self._refused("payload", "X-Amz-Content-SHA256 is not the hash of the body")

    def _signer(self, secret: str) -> SigV4Auth:
        kinds: tuple[type[Any], type[Any]] = (SigV4Auth, SigV4QueryAuth)
        if self.service == "s3":
            kinds = (S3SigV4Auth, S3SigV4QueryAuth)
        kind = kinds[self.expires is not None]
        signer: SigV4Auth = kind(Credentials(self.key_id, secret), self.service, self.region)
        return signer

    def _signed_request(self, body: bytes) -> AWSRequest:
        """The part of the request that was signed."""
        request = AWSRequest(self.request.method, f"http://localhost{self.request.path}", data=body)
        for name, value in self.request.headers:
            if name.lower() in self.signed_headers:
                request.headers.add_header(name, value)
        pairs = parse_qsl(self.request.query, keep_blank_values=True)
        signed = [(name, value) for name, value in pairs if name != "X-Amz-Signature"]
        request.params = signed  # type: ignore[assignment]  # a name may come twice
        return request

    def _refused(self, reason: str, message: str) -> SignatureRefusedError:
        return SignatureRefusedError(reason, message, self.request, self.service)


def _seconds(text: str) -> timedelta | None:
    """How long a presigned URL is valid; None when the text is not a number of seconds that AWS takes."""
    if not re.fullmatch("[0-9]{1,6}", text) or not timedelta() < timedelta(seconds=int(text)) <= _LONGEST_PRESIGNED:
        return None
    return timedelta(seconds=int(text))


def _protocol(request: ReceivedRequest, service: str) -> str:
    """Which of AWS's protocols the caller understands: `s3`, `query` or `json`."""
    if service == "s3":
        return "s3"
    return "query" if request.header("content-type").startswith(_QUERY_PROTOCOL) else "json"
