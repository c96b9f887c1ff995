"""Every error that crosses a room.

BellwetherError
├── InvalidInputError         the caller's fault: names the field or place; never retried
│   └── NotFoundError         a named thing is not there
├── TransientUpstreamError    another system is slow, throttling or away; retry with backoff
├── UpstreamError             another system refused for good; a person has to look
├── ConflictError             somebody else did it first or holds it; the state is as wanted or will be
└── BundleTamperedError       a model bundle differs from its hashes; never retried

The class names are part of the contract with statemachines/*.asl.json: `ErrorEquals` compares them letter by letter.
"""


class BellwetherError(Exception):
    """Root of the tree; never raised itself."""


class InvalidInputError(BellwetherError):
    """Input that can't be used. `field` says where: a JSON path, a column, or `file:line`."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.reason = message


class NotFoundError(InvalidInputError):
    """A named thing does not exist."""


class TransientUpstreamError(BellwetherError):
    """Another system did not answer or asked to slow down; the same call may succeed later."""


class UpstreamError(BellwetherError):
    """Another system refused the call for a reason that time won't heal."""


class ConflictError(BellwetherError):
    """The thing exists or is held already."""


class BundleTamperedError(BellwetherError):
    """A part of a model bundle is missing, unlisted, or differs from its recorded SHA-256."""
