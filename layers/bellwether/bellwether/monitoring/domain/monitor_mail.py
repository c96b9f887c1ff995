"""The e-mail about a monitoring report."""

from bellwether.monitoring.domain.monitor_report import MonitorReport

SUBJECT_LIMIT = 99  # SNS takes no longer ones
MESSAGE_FINDINGS = 20


def subject_line(report: MonitorReport) -> str:
    """Subject of the mail about findings, as SNS takes it."""
    parts = [f"{len(report.drifted)} columns drifted"] if report.is_drifted else []
    parts += ["less accurate than promised"] if report.is_inaccurate else []
    text = f"Bellwether: {report.model} - {', '.join(parts) or 'nothing found'}"
    return text.encode("ascii", "replace").decode()[:SUBJECT_LIMIT]


def message(report: MonitorReport, *, page_uri: str, trigger: str | None) -> str:
    """What people read: findings, what could not be said, what follows, where the pictures are."""
    shown = [f"  - {each}" for each in report.findings[:MESSAGE_FINDINGS]]
    left = len(report.findings) - len(shown)
    follows = (
        f"A training is asked for (trigger {trigger}); its policy may refuse it, and its result waits for approval."
        if trigger
        else "No training is asked for: this model is not trained here, or nothing was found."
    )
    return "\n".join(
        [
            f"{report.model} version {report.version}, requests since {report.since:%Y-%m-%d}: "
            f"{report.answered} answered, {report.refused} refused, {report.failed} failed.",
            "",
            *(shown or ["Nothing was found."]),
            *([f"  - and {left} more"] if left > 0 else []),
            *(["", "What could not be said:", *(f"  - {each}" for each in report.remarks)] if report.remarks else []),
            "",
            follows,
            "",
            f"Pictures: {page_uri}",
            f"  bellwether monitor {report.model} --open",
            "",
        ]
    )
