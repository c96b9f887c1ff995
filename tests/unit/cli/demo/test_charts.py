"""The picture is a PNG of some size, also when an interval is missing."""

from datetime import date
from pathlib import Path

from cli.demo.charts import BacktestPoint, draw_backtest


def test_picture_is_drawn(tmp_path: Path) -> None:
    points = [
        BacktestPoint(date(2016, month, 1), 4.9, 4.8, float("nan") if month == 1 else 4.5, 5.2) for month in range(1, 7)
    ]
    path = draw_backtest(points, title="UNRATE", path=tmp_path / "picture.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 5_000
