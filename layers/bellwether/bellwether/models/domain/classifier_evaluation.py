"""The evaluation report (`evaluation.json`) of a classifier."""

from typing import Annotated

from pydantic import Field

from bellwether.models.domain.evaluation import CandidateReport
from bellwether.models.domain.report_schema import Report


class Agreement(Report):
    """How well labels agree with people's, on `n` texts. `macro_f1` is the plain mean of the labels' F1."""

    n: Annotated[int, Field(ge=1)]
    accuracy: Annotated[float, Field(ge=0, le=1)]
    macro_f1: Annotated[float, Field(ge=0, le=1)]


class LabelledSet(Report):
    """A set of labelled texts: the model on it, beside one that always says neutral."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]  # becomes part of names
    model: Agreement
    all_neutral: Agreement


class AgreementReport(CandidateReport):
    """What a classifier was measured by; comes beside its bundle."""

    engine: str
    sets: Annotated[tuple[LabelledSet, ...], Field(min_length=1)]
