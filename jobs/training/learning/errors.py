"""Every error that a job or an endpoint raises on purpose.

JobError                      ends the job; its message is the failure reason that a person reads
├── InvalidParameterError     a hyperparameter that can't be used, by name
├── InvalidDatasetError       the training channel does not hold what its manifest says
├── TooLittleDataError        the data are sound, but too few for the backtest asked for
└── BundleTamperedError       a part of a bundle is missing, unlisted, or differs from its SHA-256
RefusedInputError (ValueError)  a request that can't be answered; the message is JSON {"field": …, "reason": …}
"""

import json


class JobError(Exception):
    """Root of what ends a job with a reason."""


class InvalidParameterError(JobError):
    """A hyperparameter is unknown or has a value that can't be used."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"hyperparameter {name}: {reason}")
        self.name = name


class InvalidDatasetError(JobError):
    """The dataset contradicts its manifest or itself."""


class TooLittleDataError(JobError):
    """There is not enough history for an honest backtest."""


class BundleTamperedError(JobError):
    """A bundle is not what was written."""


class RefusedInputError(ValueError):
    """A request can't be answered: `field` names the place, `reason` says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(json.dumps({"field": field, "reason": reason}, ensure_ascii=False))
        self.field = field
        self.reason = reason
