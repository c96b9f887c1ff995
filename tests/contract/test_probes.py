"""Every probe of the watchdog has an entry in the runbook and a key of its own."""

import re

from bellwether.news.adapters.probes import news_probes
from bellwether.trading.adapters.probes import trading_probes
from bellwether.trading.domain.market_calendar import MarketHours
from tests.places import ROOT

PROBES = (*news_probes(), *trading_probes(MarketHours.NYSE))


def test_the_runbook_explains_every_probe_and_no_other() -> None:
    section = (ROOT / "RUNBOOK.md").read_text().partition("## Alerts of the watchdog")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| `([a-z_]+:[a-z_]+)` \|", section, re.MULTILINE)
    assert sorted(explained) == sorted(probe.key for probe in PROBES)
    assert len(set(explained)) == len(explained)


def test_the_watchdog_runs_the_probes_of_every_context_that_has_some() -> None:
    handler = (ROOT / "functions/operations/run_watchdog/app.py").read_text()
    contexts = {path.parts[-3] for path in ROOT.glob("layers/bellwether/bellwether/*/adapters/probes.py")}
    assert contexts == {"news", "trading"}
    assert all(f"*{context}_probes(" in handler for context in contexts)
