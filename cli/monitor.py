"""`bellwether monitor`: measure drift and accuracy now, print the result and download the pages."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from bellwether.models.domain.catalogue import model_spec
from bellwether.monitoring.domain.monitor_report import AccuracyReport, ColumnReport, MonitorReport
from bellwether.monitoring.views import MonitoringViews
from cli import executions
from cli.target import Target, current_target
from cli.terminal import console, spinner

PAGES = Path("build/monitor")
WAIT_SECONDS = 900
STYLES = {
    "drifted": "bold red",
    "inaccurate": "bold red",
    "stable": "green",
    "as_expected": "green",
    "not_enough_data": "yellow",
    "not_measured": "yellow",
}


@dataclass(frozen=True)
class Monitored:
    """Result of one model: output of the state machine, report, and local page; both None if no version is deployed."""

    outcome: dict[str, Any]
    report: MonitorReport | None
    page: Path | None

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            **self.outcome,
            "page": None if self.page is None else str(self.page),
            "report": None if self.report is None else self.report.model_dump(mode="json"),
        }


def monitor(
    model: Annotated[str | None, typer.Argument(help="Name of a model in the catalogue. Default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the pages in the browser.")] = False,
) -> None:
    """Measure drift and accuracy of deployed models now; drift may start a retraining."""
    target = current_target()
    payload = {} if model is None else {"models": [model_spec(model).name]}
    arn = executions.start(target, target.output("MonitorModelsStateMachineArn"), payload)
    with spinner("Monitoring") as on_state:
        output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    monitored = [fetch(target, outcome) for outcome in output["results"]]
    if as_json:
        typer.echo(json.dumps([each.as_json() for each in monitored], indent=2))
    else:
        for each in monitored:
            _show(each)
    for each in monitored:
        if open_page and each.page is not None:
            typer.launch(str(each.page.resolve()))


def fetch(target: Target, outcome: dict[str, Any], *, folder: Path = PAGES) -> Monitored:
    """Download report and page of a run; the page is written to `<folder>/<model>.html`."""
    if not outcome["measured"]:
        return Monitored(outcome, None, None)
    monitoring = MonitoringViews(target.objects)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{outcome['model']}.html"
    path.write_bytes(monitoring.page(outcome["page_key"]))
    return Monitored(outcome, monitoring.report(outcome["report_key"]), path)


# --- tables ----------------------------------------------------------------------------------------------------------


def _show(monitored: Monitored) -> None:
    if monitored.report is None:
        console.print(f"{monitored.outcome['model']}: {monitored.outcome['message']}")
        return
    report = monitored.report
    console.print(columns_table(report))
    if report.accuracy:
        console.print(accuracy_table(report))
    for each in report.remarks:
        console.print(each, style="dim")
    if monitored.outcome["trigger"]:
        console.print(f"Retraining requested (trigger {monitored.outcome['trigger']}).")
    console.print(f"Page: {monitored.page}", soft_wrap=True)


def columns_table(report: MonitorReport) -> Table:
    """Each column with its state, those that drifted first."""
    title = f"{report.model} version {report.version}: {report.answered} rows since {report.since:%Y-%m-%d}"
    table = Table(title=title, caption=f"drifted: p ≤ {report.drift.p_value_max:.2g}, PSI > {report.drift.psi_floor:g}")
    for name in ("column", "state", "rows", "independent", "p", "PSI", "missing"):
        table.add_column(name, justify="left" if name in ("column", "state") else "right", overflow="fold")
    for column in sorted(report.drift.columns, key=lambda each: list(STYLES).index(each.state.value)):
        table.add_row(*_column_cells(column))
    return table


def _column_cells(column: ColumnReport) -> tuple[str | Text, ...]:
    missing = f"{column.missing_now / column.rows:.1%}" if column.rows else "-"
    return (
        f"{column.name} (prediction)" if column.is_prediction else column.name,
        _state(column.state.value, column.rows_missing, "rows"),
        str(column.rows),
        f"{column.independent_rows:.0f}",
        "-" if column.p_value is None else f"{column.p_value:.2g}",
        "-" if column.psi is None else f"{column.psi:.3f}",
        missing,
    )


def accuracy_table(report: MonitorReport) -> Table:
    """Errors on actuals, compared with the backtest."""
    table = Table(title="Accuracy on actuals")
    for name in ("prediction", "state", "actuals", "RMSE", "backtest RMSE", "ratio", "coverage"):
        table.add_column(name, justify="left" if name in ("prediction", "state") else "right")
    for each in report.accuracy:
        table.add_row(*_accuracy_cells(each))
    return table


def _accuracy_cells(found: AccuracyReport) -> tuple[str | Text, ...]:
    return (
        found.kind,
        _state(found.state.value, found.actuals_missing, "actuals"),
        str(found.actuals),
        *("-" if each is None else f"{each:,.4g}" for each in (found.rmse, found.expected_rmse, found.rmse_ratio)),
        "-" if found.coverage is None else f"{found.coverage:.0%}",
    )


def _state(state: str, missing: int, what: str) -> Text:
    text = state.replace("_", " ") + (f": {missing} more {what} needed" if missing > 0 else "")
    return Text(text, style=STYLES[state])
