"""`bellwether`: the command line's table of contents."""

from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, EndpointConnectionError
from rich.console import Console
from typer.core import TyperGroup

from bellwether.shared.domain.errors import BellwetherError
from cli import (
    batches,
    bundles,
    cloud,
    cost_outlook,
    dispatch,
    experiment,
    feeds,
    gaps,
    local_template,
    models,
    monitor,
    news,
    tickers,
    weights,
)
from cli.backtest.command import backtest_command
from cli.demo.command import demo
from cli.problems import CommandError
from localcloud.errors import CloudError


class _Commands(TyperGroup):
    """Ends a command whose problem the reader can solve with a message instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (CloudError, CommandError, BellwetherError) as problem:
            _tell(str(problem))
            raise typer.Exit(1) from problem
        except (EndpointConnectionError, ConnectionClosedError) as problem:
            _tell(f"{problem} 'bellwether status' shows which services run.")
            raise typer.Exit(1) from problem
        except (BotoCoreError, ClientError) as problem:
            _tell(str(problem))
            raise typer.Exit(1) from problem


def _tell(problem: str) -> None:
    console = Console(stderr=True, highlight=False, markup=False)
    console.print("Error:", style="bold red", end=" ")
    console.print(problem, soft_wrap=True)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Bellwether: forecasts, signals and audited decisions. On this machine, or in an AWS account.",
)

for command in (
    demo,
    *(cloud.up, cloud.down, cloud.reset, cloud.status, cloud.logs),
    *(models.ingest, models.train, models.models, models.approve, models.reject, models.rollback, models.predict),
    monitor.monitor,
    news.news,
    *(dispatch.halt, dispatch.resume, dispatch.dispatch, dispatch.positions),
    local_template.local_template,
):
    app.command()(command)
app.command("backtest")(backtest_command)
app.command("predict-batch")(batches.predict_batch)

model_app = typer.Typer(no_args_is_help=True, help="Bundles from elsewhere: fetch weights, register a bundle.")
model_app.command("fetch")(weights.fetch_model)
model_app.command("register")(bundles.register_model)
app.add_typer(model_app, name="model")
app.add_typer(experiment.experiment_app, name="experiment")
app.add_typer(feeds.feeds_app, name="feeds")
app.add_typer(gaps.gaps_app, name="gaps")
app.add_typer(cost_outlook.costs_app, name="costs")
app.add_typer(tickers.tickers_app, name="tickers")


if __name__ == "__main__":
    app()
