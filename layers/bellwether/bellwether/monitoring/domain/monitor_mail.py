"""The e-mail about a monitoring report."""

from bellwether.monitoring.domain.monitor_report import MonitorReport

SUBJECT_LIMIT = 99  # SNS takes no longer ones
MESSAGE_FINDINGS = 20


def subject_line(report: MonitorReport) -> str:
    """Subject of the mail about findings, as SNS takes it."""
    parts = [f"{len(report.drifted)} columns drifted"] if report.is_drifted else []
    parts += ["less accurate than in the backtest"] if report.is_inaccurate else []
    text = f"Bellwether: {report.model} - {', '.join(parts) or 'no findings'}"
    return text.encode("ascii", "replace").decode()[:SUBJECT_LIMIT]


def message(report: MonitorReport, *, page_uri: str, trigger: str | None) -> str:
    """Text of the mail: findings, what was not measured, next step, link to the report."""
    shown = [f"  - {each}" for each in report.findings[:MESSAGE_FINDINGS]]
    left = len(report.findings) - len(shown)
    follows = (
        f"A training was requested (trigger: {trigger}). The retraining policy may refuse it; "
        "a new version waits for approval."
        if trigger
        else "No training was requested: there are no findings, or the model is not trained by this deployment."
    )
    return "\n".join(
        [
            f"{report.model} version {report.version}, requests since {report.since:%Y-%m-%d}: "
            f"{report.answered} answered, {report.refused} refused, {report.failed} failed.",
            "",
            *(shown or ["No findings."]),
            *([f"  - and {left} more"] if left > 0 else []),
            *(["", "Not measured:", *(f"  - {each}" for each in report.remarks)] if report.remarks else []),
            "",
            follows,
            "",
            f"Report with charts: {page_uri}",
            f"  bellwether monitor {report.model} --open",
            "",
        ]
    )
