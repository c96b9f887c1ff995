"""The headline figure of a version, by kind of model."""

import pytest

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.views import headline_figure


@pytest.mark.parametrize(
    ("model", "metadata", "figure"),
    [
        ("macro", {"rmse_h1": "0.1213", "job_name": "macro-1"}, "0.1213"),
        ("sentiment", {"macro_f1_twitter": "0.68", "macro_f1_fiqa": "0.58"}, "fiqa 0.58, twitter 0.68"),
        ("housing", {"mape": "0.115", "baseline_x": "0.228"}, "0.115"),
        ("housing", {}, ""),
    ],
)
def test_headline_figure(model: str, metadata: dict[str, str], figure: str) -> None:
    assert headline_figure(model_spec(model), metadata) == figure
