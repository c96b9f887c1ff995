"""The gate of a classifier: it agrees with people better than one that always says neutral, or stays out."""

from collections.abc import Iterator

from bellwether.models.domain.candidate_report import table
from bellwether.models.domain.classifier_evaluation import AgreementReport, LabelledSet
from bellwether.models.domain.forecast_gate import check_subject, gate_of
from bellwether.models.domain.specs import AgreementPolicy, ClassifierSpec
from bellwether.shared.domain.decisions import Gate, scope
from bellwether.shared.domain.errors import InvalidInputError


def gates(report: AgreementReport, policy: AgreementPolicy) -> tuple[Gate, ...]:
    """Every check of every set, with what was seen and what is allowed."""
    return tuple(gate for each in report.sets for gate in _of_set(each, policy))


def check_consistent(report: AgreementReport, spec: ClassifierSpec) -> None:
    """Refuse a report that is about something else; raises InvalidInputError that names the field."""
    check_subject(report, spec)
    names = [each.name for each in report.sets]
    if len(set(names)) != len(names):
        raise InvalidInputError("a set is reported twice", field="evaluation.json sets")
    for each in report.sets:
        if each.model.n != each.all_neutral.n:
            raise InvalidInputError(f"'{each.name}' compares different texts", field="evaluation.json sets")


def summary(report: AgreementReport) -> list[str]:
    """The figures beside the baseline's under a line that says what they are."""
    rows = [
        [
            each.name,
            str(each.model.n),
            f"{each.model.accuracy:.3f} ({each.all_neutral.accuracy:.3f})",
            f"{each.model.macro_f1:.3f} ({each.all_neutral.macro_f1:.3f})",
        ]
        for each in report.sets
    ]
    return [
        f"Agreement of {report.engine} with people's labels; in brackets a baseline that always predicts neutral:",
        "",
        *table(["texts from", "texts", "accuracy", "macro-F1"], rows),
    ]


def _of_set(each: LabelledSet, policy: AgreementPolicy) -> Iterator[Gate]:
    name, texts, least = each.name, each.model.n, policy.texts_min
    reason = f"{name}: only {texts} labelled texts, at least {least} are needed"
    yield gate_of(f"texts.{scope(name)}", texts, least, texts >= least, reason)
    for what, own, other, gain_min in (
        ("accuracy", each.model.accuracy, each.all_neutral.accuracy, policy.accuracy_gain_min),
        ("macro_f1", each.model.macro_f1, each.all_neutral.macro_f1, policy.macro_f1_gain_min),
    ):
        limit = round(other + gain_min, 4)
        reason = f"{name}: {what} is {own:.3f}, has to be {limit:.3f} (always neutral: {other:.3f})"
        yield gate_of(f"{what}.{scope(name)}", own, limit, own >= limit, reason)
