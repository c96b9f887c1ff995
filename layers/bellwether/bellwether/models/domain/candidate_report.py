"""What people read about a candidate: plain text for monospaced mail, subject lines that SNS takes (ASCII, short)."""

from collections.abc import Iterable, Mapping
from textwrap import wrap

from bellwether.models.domain.evaluation import IntervalCoverage
from bellwether.models.domain.forecast_evaluation import (
    EvaluationReport,
    HeadLeftOut,
    HorizonEvaluation,
    Method,
    RecessionEvaluation,
)
from bellwether.models.domain.spend_evaluation import SpendReport
from bellwether.models.domain.valuation_evaluation import ValuationMetrics, ValuationReport
from bellwether.shared.domain.decisions import Decision, Verdict

SUBJECT_LIMIT = 99
WIDTH = 78
BASELINES = ("random_walk", "ar")
TITLES = {"random_walk": "random walk", "ar": "AR"}


def assessment_subject(model: str, decision: Decision) -> str:
    """Subject line of the mail about an assessed candidate."""
    failed = sum(not gate.passed for gate in decision.gates)
    if decision.verdict is Verdict.ACCEPTED:
        return _subject(f"{model} candidate accepted: all {len(decision.gates)} checks passed")
    return _subject(f"{model} candidate refused: {failed} of {len(decision.gates)} checks failed")


def assessment_message(model: str, summary: list[str], decision: Decision, *, job_name: str, evidence_uri: str) -> str:
    """Verdict, figures beside the baselines, reasons, and where the evidence lies."""
    lines = [
        f"The {model} candidate of {job_name} is {decision.verdict.value}.",
        "",
        *summary,
        "",
        *_verdict_lines(decision, evidence_uri),
    ]
    return "\n".join(lines)


def _verdict_lines(decision: Decision, evidence_uri: str) -> list[str]:
    if decision.reasons:
        reasons = ["Reasons:", *(f"  - {reason}" for reason in decision.reasons)]
    else:
        reasons = [f"It passed all {len(decision.gates)} checks."]
    return [*reasons, "", f"Evidence: {evidence_uri}", f"Decision: {decision.decision_id}", ""]


def forecast_summary(report: EvaluationReport) -> list[str]:
    """The errors of the backtest under a line that says what they are."""
    return [
        f"Root mean squared error of {report.target} in {report.unit}, backtest;",
        "in brackets the model's error divided by the baseline's:",
        "",
        *error_table(report),
        *_method_lines(report),
        *_pandemic_lines(report),
        *_recession_lines(report.recession),
    ]


def _method_lines(report: EvaluationReport) -> list[str]:
    """Horizons that the model does not serve: what serves instead, its error, and why."""
    lines = [
        f"{each.horizon_months} months ahead {each.method.title_text} serves "
        f"(error {_figure(each.served_rmse)}), not the model: {'; '.join(each.model_fails) or 'no reason is given'}."
        for each in sorted(report.horizons, key=lambda each: each.horizon_months)
        if each.method is not Method.MODEL
    ]
    return [line for text in lines for line in ("", *wrap(text, WIDTH))]


def _pandemic_lines(report: EvaluationReport) -> list[str]:
    """Parts of the backtest that stand apart, such as targets in 2020: in no figure above."""
    names = ("model", "fallback", *BASELINES)
    rows = [
        [str(each.horizon_months), part.slice, *(_figure(part.rmse.get(name)) for name in names), str(part.n)]
        for each in sorted(report.horizons, key=lambda each: each.horizon_months)
        for part in each.apart
    ]
    header = ["months", "apart", *(TITLES.get(name, name) for name in names), "points"]
    return ["", "In none of the figures above:", "", *table(header, rows)] if rows else []


def _recession_lines(found: RecessionEvaluation | HeadLeftOut | None) -> list[str]:
    """The second head beside the probit, or why there is none."""
    if found is None:
        return []
    if isinstance(found, HeadLeftOut):
        return ["", *wrap(f"No recession probability is given: {found.left_out}.", WIDTH)]
    rows = [
        [label, _beside(figures.get("model"), figures.get("probit")), _figure(figures.get("model"))]
        for label, figures in (("Brier score", found.brier), ("log loss", found.log_loss))
    ]
    area = ["AUC", _figure(found.auc.get("probit")), _figure(found.auc.get("model"))]
    span = f"{found.n} origins {found.first_origin}..{found.last_origin}, {found.recessions} recessions"
    return [
        "",
        f"Probability of a recession within {found.within_months} months, {span}:",
        "",
        *table(["", "probit", "model"], [*rows, area]),
    ]


def error_table(report: EvaluationReport) -> list[str]:
    """One row a horizon: the model, each baseline, how often intervals held beside how often they should, points."""
    present = [b for b in BASELINES if any(b in evaluation.rmse for evaluation in report.horizons)]
    header = ["months", "model", *(TITLES[b] for b in present), "held/level %", "points"]
    rows = [_row(evaluation, present) for evaluation in sorted(report.horizons, key=lambda e: e.horizon_months)]
    return table(header, rows)


def valuation_summary(report: ValuationReport) -> list[str]:
    """The errors on later sales under a line that says what they are."""
    parts = {"holdout": report.holdout, "online": report.holdout_online, "eval": report.eval}
    present = {name: metrics for name, metrics in parts.items() if metrics is not None}
    baselines = [name for name in report.holdout.mape if name != "model"]
    header = ["sales", "model", *(name.replace("_", " ") for name in baselines), "bias", "held/level %", "n"]
    return [
        f"Mean absolute error in percent of the {report.target}, sales after the training period;",
        "in brackets the model's error divided by the baseline's:",
        "",
        *table(header, [_valuation_row(name, metrics, baselines) for name, metrics in present.items()]),
    ]


def spend_summary(report: SpendReport) -> list[str]:
    """Errors of month totals by the day they were made on, and as a whole."""
    baselines = [name for name in report.errors if name != "model"]
    header = ["made on", "model", *(name.replace("_", " ") for name in baselines), "n"]

    def row(label: str, mape: Mapping[str, float], count: int) -> list[str]:
        own = mape.get("model")
        return [label, _percent(own), *(_percent_beside(own, mape.get(name)) for name in baselines), str(count)]

    overall = {name: each.mape for name, each in report.errors.items()}
    rmse = {name: each.rmse for name, each in report.errors.items()}
    return [
        f"Mean absolute error in percent of accounts' month totals, {report.window.first_month} to",
        f"{report.window.last_month}; in brackets the model's error divided by the baseline's:",
        "",
        *table(
            header,
            [
                *(row(f"day {part.day}", part.mape, part.n) for part in report.by_day),
                row("all", overall, report.n),
                ["RMSE", *(f"{rmse[name]:.2f}" for name in ("model", *baselines) if name in rmse), str(report.n)],
            ],
        ),
        "",
        f"Intervals held {_held(report.intervals)} %; {report.scored_share:.0%} of the spend is large enough to score.",
    ]


def _valuation_row(name: str, metrics: ValuationMetrics, baselines: list[str]) -> list[str]:
    own = metrics.mape.get("model")
    compared = [_percent_beside(own, metrics.mape.get(baseline)) for baseline in baselines]
    return [name, _percent(own), *compared, f"{metrics.bias:+.1%}", _held(metrics.intervals), str(metrics.n)]


def _percent_beside(own: float | None, other: float | None) -> str:
    return f"{other:.1%} ({own / other:.2f})" if own is not None and other else _percent(other)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _held(intervals: Iterable[IntervalCoverage]) -> str:
    return " ".join(f"{each.coverage * 100:.0f}/{each.level * 100:.0f}" for each in intervals) or "-"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of right-aligned columns."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]]


def _row(evaluation: HorizonEvaluation, baselines: list[str]) -> list[str]:
    own = evaluation.rmse.get("model")
    compared = [_beside(own, evaluation.rmse.get(baseline)) for baseline in baselines]
    return [str(evaluation.horizon_months), _figure(own), *compared, _held(evaluation.intervals), str(evaluation.n)]


def _beside(own: float | None, other: float | None) -> str:
    return f"{other:.4f} ({own / other:.2f})" if own is not None and other else _figure(other)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def approval_subject(model: str, version: int) -> str:
    """Subject line of the mail that asks for approval."""
    return _subject(f"{model} version {version} waits for approval")


def approval_message(model: str, version: int, model_package_arn: str, assessment: str) -> str:
    """What approvers read: what was assessed, and the commands to approve or reject it."""
    return "\n".join(
        [
            f"{model} version {version} waits for approval; it is not deployed before.",
            "",
            assessment.rstrip(),
            "",
            "To deploy it:",
            f"  bellwether approve {model} --version {version}",
            "or",
            *_registry_command(model_package_arn, "Approved"),
            "",
            "To reject it:",
            f"  bellwether reject {model} --version {version}",
            "or",
            *_registry_command(model_package_arn, "Rejected"),
            "",
        ]
    )


def refusal_subject(model: str, version: int) -> str:
    """Subject line of the mail about a version that its gate refused."""
    return _subject(f"{model} version {version} was refused by its gate")


def refusal_message(model: str, version: int, model_package_arn: str, assessment: str) -> str:
    """What was assessed, and how a person can approve the version all the same."""
    return "\n".join(
        [
            f"{model} version {version} was refused by its gate: it is registered as Rejected and is not deployed.",
            "",
            assessment.rstrip(),
            "",
            "To deploy it all the same, with a reason that is kept in the ledger:",
            f'  bellwether approve {model} --version {version} --despite-gate "REASON"',
            "",
            f"Registered version: {model_package_arn}",
            "",
        ]
    )


def _registry_command(model_package_arn: str, status: str) -> list[str]:
    return [
        "  aws sagemaker update-model-package \\",
        f"    --model-package-arn {model_package_arn} \\",
        f"    --model-approval-status {status}",
    ]


def _subject(text: str) -> str:
    return f"Bellwether: {text}".encode("ascii", "replace").decode()[:SUBJECT_LIMIT]
