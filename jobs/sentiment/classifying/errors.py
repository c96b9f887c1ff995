"""Every error that loading or asking a sentiment model raises on purpose.

BundleTamperedError             a part of a bundle is missing, unlisted, or differs from its SHA-256
UnusableModelError              a bundle is whole, but this code or this machine can't run it
RefusedInputError (ValueError)  a request that can't be answered; the message is JSON {"field": …, "reason": …}
"""

import json


class BundleTamperedError(Exception):
    """A bundle is not what was written."""


class UnusableModelError(Exception):
    """A library is missing, or the weights are of another kind."""


class RefusedInputError(ValueError):
    """A request can't be answered: `field` names the place, `reason` says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(json.dumps({"field": field, "reason": reason}, ensure_ascii=False))
        self.field = field
        self.reason = reason
