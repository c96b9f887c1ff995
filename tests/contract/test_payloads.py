"""What one function returns and another takes survives the way between them: JSON, with nulls or without them."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, TypeAliasType, Union, get_args, get_origin
from uuid import UUID

import annotated_types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bellwether.models.domain.archive import ArchiveStep
from bellwether.models.domain.deployment import CurrentVersion, DeploymentPlan
from bellwether.models.domain.experiment import ChallengePlan, Experiment
from bellwether.models.usecases.record_assessment import Assessment
from bellwether.shared.domain.decisions import Decision, Outcome
from bellwether.shared.settings import parse

PRODUCED_AND_TAKEN: list[tuple[type[BaseModel], type[BaseModel]]] = [
    (Assessment, Assessment),
    (DeploymentPlan, DeploymentPlan),
    (ChallengePlan, ChallengePlan),
    (ChallengePlan, DeploymentPlan),
    (ArchiveStep, ArchiveStep),
    (Decision, Decision),
    (Outcome, Outcome),
    (CurrentVersion, CurrentVersion),
    (Experiment, Experiment),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given
HASH = r"^[0-9a-f]{64}$"
SCALARS: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12),
    bool: st.booleans(),
    int: st.integers(0, 10**6),
    float: st.floats(0, 1),
    Decimal: st.decimals(0, 10**6, places=2),
    UUID: st.uuids(),
    datetime: INSTANTS,
    AwareDatetime: INSTANTS,
    date: st.dates(),
    NoneType: st.none(),
    Any: JSON,
}


def values(annotation: Any, constraints: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Values of a field's type, in the form that the model takes."""
    if isinstance(annotation, TypeAliasType):
        return values(annotation.__value__, constraints)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return values(arguments[0], (*annotation.__metadata__, *constraints))
    if origin in {Union, UnionType}:
        return st.one_of(*(values(each, constraints) for each in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values(arguments[0]), min_size=_least(constraints), max_size=2).map(tuple)
    if origin is dict or origin is Mapping:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), min_size=_least(constraints), max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return models(annotation)
    pattern = next((found for each in _flat(constraints) if (found := getattr(each, "pattern", None))), None)
    if annotation is str:
        if pattern == HASH:
            return st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
        return st.from_regex(pattern, fullmatch=True) if pattern else _text(constraints)
    return SCALARS[annotation]


def _flat(constraints: tuple[Any, ...]) -> list[Any]:
    return [each for one in constraints for each in (*(one.metadata if isinstance(one, FieldInfo) else ()), one)]


def _least(constraints: tuple[Any, ...]) -> int:
    return max((each.min_length for each in _flat(constraints) if isinstance(each, annotated_types.MinLen)), default=0)


def _text(constraints: tuple[Any, ...]) -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8"), min_size=_least(constraints), max_size=12)


def models[M: BaseModel](model: type[M]) -> st.SearchStrategy[M]:
    """Instances with optional fields given, missing or null."""

    @st.composite
    def build(draw: st.DrawFn) -> M | None:
        given_: dict[str, Any] = {}
        for name, info in model.model_fields.items():
            if info.is_required() or draw(st.booleans()):
                key = info.alias or name
                given_[key] = draw(values(info.annotation, tuple(info.metadata)))
        try:
            return model.model_validate(given_)
        except ValidationError:
            return None  # a rule over several fields

    return build().filter(lambda found: found is not None)  # type: ignore[return-value]


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


FORMS: list[Callable[[BaseModel], dict[str, Any]]] = [
    lambda model: model.model_dump(mode="json"),
    lambda model: model.model_dump(mode="json", exclude_none=True),
    lambda model: model.model_dump(mode="json", exclude_defaults=True),
]


@pytest.mark.parametrize(
    ("produced", "taken"), PRODUCED_AND_TAKEN, ids=lambda model: model.__name__ if isinstance(model, type) else None
)
@settings(deadline=timedelta(seconds=5), max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_payload_survives_its_way(data: st.DataObject, produced: type[BaseModel], taken: type[BaseModel]) -> None:
    # Given anything that one side may return
    payload = data.draw(models(produced))
    for form in FORMS:
        # When it travels as JSON, with its nulls and defaults or without them
        event = json.loads(json.dumps(form(payload), allow_nan=False))
        # Then the other side reads the same values
        read = parse(taken, event)
        for name in taken.model_fields:
            assert _same(getattr(read, name), getattr(payload, name)), name
