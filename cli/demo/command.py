"""The command `bellwether demo`."""

import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from cli.demo.costs import run_costs
from cli.demo.housing import begin_housing, run_housing
from cli.demo.macro import run_macro
from cli.demo.news import run_news
from cli.ingestion import csv_files
from cli.problems import CommandError
from cli.target import local_target
from cli.terminal import console, done
from localcloud.control import Cloud

PACK_VARIABLE = "BELLWETHER_FRED_PACK"
ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples" / "fred"
FORMS = ROOT / "samples" / "forms" / "2016-07-29"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for report.json, charts and pages.")] = ROOT / "build" / "demo",
    trials: Annotated[int, typer.Option(min=1, max=500, help="Number of Optuna trials.")] = 8,
) -> None:
    """Run the whole system on this machine: ingestion, training, deployment, drift, news, dispatch, costs."""
    started = time.monotonic()
    packs = _packs()
    out.mkdir(parents=True, exist_ok=True)
    cloud = Cloud()
    with console.status("Starting the embedded cloud") as status:
        cloud.up(on_progress=lambda text: status.update(f"Embedded cloud: {text}"))
    target = local_target(cloud)
    done(f"The embedded cloud is up; stack {target.stack} is deployed")
    begun = begin_housing(target)
    report = run_macro(target, packs, trials, out, forms=None if os.environ.get(PACK_VARIABLE) else FORMS)
    report["housing"] = run_housing(target, begun, out)
    report["news"] = run_news(target, cloud, out)
    report["costs"] = run_costs(target, out)
    report["seconds"] = round(time.monotonic() - started, 1)
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    pictures = ", ".join(_shown(path) for path in sorted((*out.glob("*.png"), *out.glob("*.html"))))
    console.print(f"Demonstration finished in {report['seconds']:.0f} s")
    console.print(f"Charts and pages: {pictures}. Report: {_shown(out / 'report.json')}")
    console.print("The embedded cloud keeps running; 'make down' stops it.")
    if report["model"]["deployment"] is None and not os.environ.get(PACK_VARIABLE):
        raise CommandError("The quality gate refused the candidate trained on the sample packs; it should have passed")


def _packs() -> list[Path]:
    """The user's own pack, or the two sample vintages, oldest first."""
    own = os.environ.get(PACK_VARIABLE)
    if not own:
        return sorted(path for path in SAMPLES.iterdir() if path.is_dir())
    folder = Path(own).expanduser()
    if not folder.is_dir():
        raise CommandError(f"{PACK_VARIABLE}={own} is not a folder")
    csv_files([folder])
    return [folder]


def _shown(path: Path) -> str:
    return os.path.relpath(path)
