"""`bellwether monitor`: look at models now, say what was found, and bring the pages here."""

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
class Looked:
    """One model's look: what the machine said of it, its report and its page here; both None where nothing serves."""

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
    looked = [fetch(target, outcome) for outcome in output["looks"]]
    if as_json:
        typer.echo(json.dumps([each.as_json() for each in looked], indent=2))
    else:
        for each in looked:
            _show(each)
    for each in looked:
        if open_page and each.page is not None:
            typer.launch(str(each.page.resolve()))


def fetch(target: Target, outcome: dict[str, Any], *, folder: Path = PAGES) -> Looked:
    """Bring report and page of a look here; the page lies at `<folder>/<model>.html`."""
    if not outcome["measured"]:
        return Looked(outcome, None, None)
    monitoring = MonitoringViews(target.objects)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{outcome['model']}.html"
    path.write_bytes(monitoring.page(outcome["page_key"]))
    return Looked(outcome, monitoring.report(outcome["report_key"]), path)


# --- tables ----------------------------------------------------------------------------------------------------------


def _show(looked: Looked) -> None:
    if looked.report is None:
        console.print(f"{looked.outcome['model']}: {looked.outcome['message']}")
        return
    report = looked.report
    console.print(columns_table(report))
    if report.accuracy:
        console.print(accuracy_table(report))
    for each in report.remarks:
        console.print(each, style="dim")
    if looked.outcome["trigger"]:
        console.print(f"Retraining requested (trigger {looked.outcome['trigger']}).")
    console.print(f"Page: {looked.page}", soft_wrap=True)


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
