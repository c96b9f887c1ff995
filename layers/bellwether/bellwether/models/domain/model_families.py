"""Kinds of models: by which figures a candidate of each is judged, and what people get to read about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bellwether.models.domain import candidate_report, classifier_gate, forecast_gate, spend_gate, valuation_gate
from bellwether.models.domain.bundle_manifest import BundleManifest
from bellwether.models.domain.classifier_evaluation import AgreementReport
from bellwether.models.domain.evaluation import CandidateReport
from bellwether.models.domain.forecast_evaluation import EvaluationReport, RecessionEvaluation
from bellwether.models.domain.specs import ClassifierSpec, ForecastSpec, ModelSpec, SpendSpec, ValuationSpec
from bellwether.models.domain.spend_evaluation import SpendReport
from bellwether.models.domain.valuation_evaluation import LossPoint, ValuationReport
from bellwether.shared.domain.decisions import Gate
from bellwether.shared.domain.errors import InvalidInputError


@dataclass(frozen=True)
class Family[S: ModelSpec, R: CandidateReport]:
    """How candidates of one kind of spec are judged.

    `check` refuses a report that contradicts itself or the spec, `check_bundle` a bundle that does more than was
    evaluated. `figures` are kept with a registered version; `headline` is what a list of versions shows, the title and
    how the names of these figures begin. `loss` is the error that training tries to make small, None without training.
    """

    report: type[R]
    check: Callable[[R, S], None]
    check_bundle: Callable[[R, BundleManifest], None]
    gates: Callable[[R, S], tuple[Gate, ...]]
    summary: Callable[[R], list[str]]
    figures: Callable[[R], Mapping[str, float]]
    headline: tuple[str, str]
    loss: Callable[[R], float | None] = lambda _report: None
    loss_curve: Callable[[R], tuple[LossPoint, ...]] = lambda _report: ()


def family_of(spec: ModelSpec) -> Family[Any, Any]:
    """How candidates of this model are judged."""
    return _FAMILIES[type(spec)]


def check_lineage(spec: ModelSpec, bundle: BundleManifest) -> None:
    """Refuse a bundle of another model; raises InvalidInputError that names the field."""
    for place, observed, wanted in (
        ("bundle.json model", bundle.model, spec.name),
        ("bundle.json target", bundle.target, spec.target),
    ):
        if observed != wanted:
            raise InvalidInputError(f"is '{observed}', expected '{wanted}'", field=place)


def _forecast_figures(report: EvaluationReport) -> Mapping[str, float]:
    errors = {
        f"rmse_h{evaluation.horizon_months}": evaluation.served_rmse
        for evaluation in report.horizons
        if evaluation.served_rmse is not None
    }
    recession = report.recession
    brier = (
        {"brier_recession": recession.brier[forecast_gate.MODEL]} if isinstance(recession, RecessionEvaluation) else {}
    )
    return errors | brier


def _valuation_figures(report: ValuationReport) -> Mapping[str, float]:
    holdout = report.holdout
    baselines = {f"baseline_{name}": error for name, error in holdout.mape.items() if name != forecast_gate.MODEL}
    return {"mape": holdout.mape[forecast_gate.MODEL], **baselines, "bias": holdout.bias, "r2": holdout.r2}


def _spend_figures(report: SpendReport) -> Mapping[str, float]:
    own = report.errors[forecast_gate.MODEL]
    baselines = {f"baseline_{name}": each.mape for name, each in report.errors.items() if name != forecast_gate.MODEL}
    return {"mape": own.mape, "rmse": own.rmse, "mse": own.mse, "bias": own.bias, **baselines}


def _agreement_figures(report: AgreementReport) -> Mapping[str, float]:
    return {f"macro_f1_{each.name}": each.model.macro_f1 for each in report.sets}


FORECASTS = Family(
    report=EvaluationReport,
    check=forecast_gate.check_consistent,
    check_bundle=forecast_gate.check_bundle,
    gates=lambda report, spec: forecast_gate.gates(report, spec.policy),
    summary=candidate_report.forecast_summary,
    figures=_forecast_figures,
    headline=("RMSE h=1", "rmse_h1"),
    loss=lambda report: min(report.horizons, key=lambda each: each.horizon_months).rmse.get(forecast_gate.MODEL),
)
VALUATIONS = Family(
    report=ValuationReport,
    check=valuation_gate.check_consistent,
    check_bundle=lambda _report, _bundle: None,
    gates=lambda report, spec: valuation_gate.gates(report, spec.policy),
    summary=candidate_report.valuation_summary,
    figures=_valuation_figures,
    headline=("MAPE", "mape"),
    loss=lambda report: report.holdout.mape[forecast_gate.MODEL],
    loss_curve=lambda report: report.training.loss_curve if report.training else (),
)
SPENDING = Family(
    report=SpendReport,
    check=spend_gate.check_consistent,
    check_bundle=spend_gate.check_bundle,
    gates=lambda report, spec: spend_gate.gates(report, spec.policy),
    summary=candidate_report.spend_summary,
    figures=_spend_figures,
    headline=("MAPE", "mape"),
    loss=lambda report: report.errors[forecast_gate.MODEL].mape,
)
AGREEMENTS = Family(
    report=AgreementReport,
    check=classifier_gate.check_consistent,
    check_bundle=lambda _report, _bundle: None,
    gates=lambda report, spec: classifier_gate.gates(report, spec.policy),
    summary=classifier_gate.summary,
    figures=_agreement_figures,
    headline=("macro-F1", "macro_f1_"),
)
_FAMILIES: Mapping[type[ModelSpec], Family[Any, Any]] = MappingProxyType(
    {ForecastSpec: FORECASTS, ValuationSpec: VALUATIONS, SpendSpec: SPENDING, ClassifierSpec: AGREEMENTS}
)
