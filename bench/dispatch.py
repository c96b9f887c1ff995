"""Claims a second: recommendations through every gate into the ledger, beside the bare queue they stand on, in one run.

The bare queue is `UPDATE … WHERE id IN (SELECT … FOR UPDATE SKIP LOCKED LIMIT n)` on a table of ids: no gate, no
decision, no order. The writing queue also inserts a decision and an order for each row, of the same size and with the
same indexes, ungated. Ours is the function's own use case: claim, fourteen gates that see each other's orders,
a decision and an order each, one transaction a batch. All with the same number of processes and rows a batch, on one
embedded Postgres that waits for the disk at each commit.
Run: python -m bench.dispatch [--rows N] [--workers N] [--json]
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.postgres import Database, connect
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.trading.adapters.broker_dry_run import DryRunBroker
from bellwether.trading.adapters.postgres_dispatch import PostgresExecutions, PostgresRecommendations
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.orders import DRY_RUN
from bellwether.trading.domain.risk_gates import DispatchPolicy
from bellwether.trading.usecases.claim_recommendations import claim_recommendations
from bellwether.trading.usecases.execute_orders import execute_orders
from bellwether.trading.usecases.settle_executions import settle_executions
from bench.database import embedded_database

OUTPUT = Path("build/bench")
TICKERS = 50
REPETITIONS = 3
LIMITLESS = Decimal(10**9)
POLICY = DispatchPolicy.model_construct(  # beyond the range of the parameters
    market_hours=MarketHours.ALWAYS,
    max_trades_per_day=10**9,
    max_trade_notional_usd=LIMITLESS,
    max_position_notional_usd=LIMITLESS,
    max_total_exposure_usd=LIMITLESS,
    capital_usd=LIMITLESS,
    max_daily_loss_usd=LIMITLESS,
    trade_cooldown_seconds=0,
)

GATES = [{"name": f"gate_{n}", "observed": "1000", "limit": "5000", "passed": True, "reason": ""} for n in range(14)]
TERMS = {f"term_{n}": "0d0c6f4e-2d3b-5a39-9f3f-6a7d1a2b3c4d" for n in range(13)}

Work = Callable[[DatabaseLogin, int], int]


@dataclass(frozen=True)
class Figures:
    """Rows a second, median of the repetitions; the workers' start is not counted."""

    rows: int
    workers: int
    batch: int
    bare_queue: float
    writing_queue: float
    claims: float
    with_fills: float


# --- what is measured ------------------------------------------------------------------------------------------------


def drain_queue(login: DatabaseLogin, batch: int) -> int:
    """The peer: claim until nothing is left."""
    token, done = uuid4(), 0
    with connect(login, sslmode="prefer") as connection:
        while True:
            claimed = connection.execute(
                """
                UPDATE bare_queue SET status = 'CLAIMED', claim_token = %s, claimed_until = now() + interval '4 minutes'
                WHERE id IN (
                    SELECT id FROM bare_queue WHERE status = 'PENDING' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
                )
                RETURNING id
                """,
                (token, batch),
            ).rowcount
            if not claimed:
                return done
            done += claimed


def drain_and_write(login: DatabaseLogin, batch: int) -> int:
    """The peer that writes as much as we do, in one statement a batch, and asks nobody."""
    token, done = uuid4(), 0
    decision, terms = json.dumps(GATES), json.dumps(TERMS)
    with connect(login, sslmode="prefer") as connection:
        while True:
            claimed = connection.execute(
                """
                WITH next AS (
                    SELECT recommendation_id FROM dispatch_recommendations WHERE status = 'PENDING'
                    ORDER BY made_at, recommendation_id LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
                ), decided AS (
                    INSERT INTO decisions (decision_id, kind, subject, verdict, actor, made_at, gates, evidence)
                    SELECT gen_random_uuid(), 'bench', 'BUY', 'accepted', 'bench', now(), %(gates)s, %(terms)s FROM next
                ), approved AS (
                    INSERT INTO dispatch_executions (
                        recommendation_id, client_order_id, broker, ticker, side, quantity, order_terms, status,
                        approved_at
                    )
                    SELECT recommendation_id, 'bw-' || recommendation_id, 'bench', 'AAPL', 'BUY', 1, %(terms)s,
                        'APPROVED', now() FROM next
                )
                UPDATE dispatch_recommendations AS kept
                SET status = 'CLAIMED', claim_token = %(token)s, claimed_until = now() + interval '4 minutes'
                FROM next WHERE kept.recommendation_id = next.recommendation_id
                """,
                {"batch": batch, "token": token, "gates": decision, "terms": terms},
            ).rowcount
            if not claimed:
                return done
            done += claimed


def drain_recommendations(login: DatabaseLogin, batch: int) -> int:
    """Ours, up to the approved order."""
    return _dispatch(login, batch, fill=False)


def drain_and_fill(login: DatabaseLogin, batch: int) -> int:
    """Ours, from the recommendation to its settled fill in the dry run."""
    return _dispatch(login, batch, fill=True)


def _dispatch(login: DatabaseLogin, batch: int, *, fill: bool) -> int:
    database, clock, done = Database(lambda: login, sslmode="prefer"), SystemClock(), 0
    store, executions = PostgresRecommendations(database), PostgresExecutions(database)
    try:
        while True:
            claimed = claim_recommendations(
                store=store, clock=clock, policy=POLICY, actor="bench", token=uuid4(), limit=batch
            )
            if claimed.refused:
                raise RuntimeError(f"refused: {claimed.refused[0].reasons}")
            if not claimed.count:
                return done
            if fill:
                brokers = {DRY_RUN: DryRunBroker()}
                reports = execute_orders(claimed.orders, brokers=brokers, clock=clock, seconds_left=lambda: 300)
                settle_executions(reports, store=executions)
            done += claimed.count
    finally:
        database.close()


# --- how -------------------------------------------------------------------------------------------------------------


def rate(work: Work, login: DatabaseLogin, *, rows: int, workers: int, batch: int) -> float:
    """Rows a second of so many processes that begin together."""
    fork = multiprocessing.get_context("fork")
    start, results = fork.Barrier(workers + 1), fork.SimpleQueue()

    def run() -> None:
        connect(login, sslmode="prefer").close()
        start.wait()
        results.put(work(login, batch))

    processes = [fork.Process(target=run) for _ in range(workers)]
    for process in processes:
        process.start()
    start.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - began
    done = sum(results.get() for _ in range(workers))
    if done != rows:
        raise RuntimeError(f"{done} of {rows} rows were claimed")
    return rows / seconds


def _fill_tables(owner: DatabaseLogin, application: DatabaseLogin, rows: int) -> None:
    now = datetime.now(UTC)
    with connect(owner, sslmode="prefer") as connection:
        connection.execute("TRUNCATE dispatch_executions, dispatch_recommendations CASCADE")
        connection.execute("TRUNCATE lane_telemetry")
        connection.execute("DROP TABLE IF EXISTS bare_queue")
        connection.execute(
            """
            CREATE TABLE bare_queue (
                id bigint PRIMARY KEY, status text NOT NULL DEFAULT 'PENDING', claim_token uuid,
                claimed_until timestamptz
            )
            """
        )
        connection.execute("CREATE INDEX bare_queue_open ON bare_queue (id) WHERE status IN ('PENDING', 'CLAIMED')")
        connection.execute("INSERT INTO bare_queue (id) SELECT generate_series(1, %s)", (rows,))
        connection.execute(f"GRANT SELECT, UPDATE ON bare_queue TO {application.username}".encode())
        connection.execute(
            """
            INSERT INTO lane_telemetry (ticker, ts, open, high, low, close, volume, source)
            SELECT 'T' || chr(64 + n / 26) || chr(65 + n %% 26), %s, 200, 200, 200, 200, 1, 'bench'
            FROM generate_series(26, 25 + %s) AS n
            """,
            (now - timedelta(minutes=6), TICKERS),
        )
        connection.execute(
            """
            INSERT INTO dispatch_recommendations (
                recommendation_id, ticker, side, quantity, reference_price, rule_version, evidence, made_at, expires_at
            )
            SELECT gen_random_uuid(), 'T' || chr(64 + n / 26) || chr(65 + n %% 26), 'BUY', 1, 200, 'bench', '{}',
                %(now)s::timestamptz - r * interval '1 microsecond', %(now)s::timestamptz + interval '10 minutes'
            FROM generate_series(1, %(rows)s) AS r, LATERAL (SELECT 26 + r %% %(tickers)s AS n) AS ticker
            """,
            {"now": now, "rows": rows, "tickers": TICKERS},
        )
        connection.execute("VACUUM ANALYZE")


def measure(owner: DatabaseLogin, application: DatabaseLogin, *, rows: int, workers: int, batch: int) -> Figures:
    """Everything, in turns, so that a busy machine is as busy for each."""
    rates: dict[str, list[float]] = {"bare_queue": [], "writing_queue": [], "claims": [], "with_fills": []}
    for _ in range(REPETITIONS):
        _fill_tables(owner, application, rows)
        given: dict[str, Any] = {"rows": rows, "workers": workers, "batch": batch}
        rates["bare_queue"].append(rate(drain_queue, application, **given))
        rates["writing_queue"].append(rate(drain_and_write, application, **given))
        _fill_tables(owner, application, rows)
        rates["claims"].append(rate(drain_recommendations, application, **given))
        _fill_tables(owner, application, rows)
        rates["with_fills"].append(rate(drain_and_fill, application, **given))
    return Figures(rows, workers, batch, **{name: statistics.median(found) for name, found in rates.items()})


def main(arguments: list[str]) -> int:
    """Measure at some sizes of batches, print a table, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    with embedded_database() as (owner, application):
        found = [
            measure(owner, application, rows=options.rows, workers=options.workers, batch=batch) for batch in (10, 50)
        ]
    OUTPUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(each) for each in found], indent=2)
    (OUTPUT / "dispatch.json").write_text(text + "\n")
    if options.json:
        print(text)
        return 0
    table = Table(title=f"Dispatch: rows a second, {options.workers} processes, {options.rows} rows")
    for column in (
        "rows a batch",
        "bare queue",
        "writing queue",
        "ours: gated, decided",
        "of bare",
        "of writing",
        "ours: also filled",
    ):
        table.add_column(column, justify="right")
    for each in found:
        table.add_row(
            str(each.batch),
            f"{each.bare_queue:,.0f}",
            f"{each.writing_queue:,.0f}",
            f"{each.claims:,.0f}",
            f"{each.claims / each.bare_queue:.0%}",
            f"{each.claims / each.writing_queue:.0%}",
            f"{each.with_fills:,.0f}",
        )
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
