"""Whatever a caller sends is a request, or refused by the field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.models.domain.catalogue import CATALOGUE
from bellwether.models.domain.prediction import BODY_LIMIT_BYTES, INSTANCES_LIMIT, read_request
from bellwether.models.domain.specs import ModelSpec
from bellwether.shared.domain.errors import InvalidInputError

KEYS = st.sampled_from(["data", "instances", "entity_id", "month", "horizon_months", "as_of", "text"]) | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)
SPECS = st.sampled_from(sorted(CATALOGUE.values(), key=lambda spec: spec.name))


@given(content=JSON, spec=SPECS)
def test_nothing_that_json_holds_is_a_surprise(content: Any, spec: ModelSpec) -> None:
    # Given any JSON, half surrogate pairs and constants that are none included, when it is read
    refused: list[InvalidInputError] = []
    rows: list[bytes] = []
    try:
        request = read_request(json.dumps(content).encode(), spec)
        rows.append(request.question(range(len(request.rows))))
    except InvalidInputError as refusal:
        refused.append(refusal)
    # Then it is refused by its field and with a reason, or something that its endpoint can be asked
    assert all(each.field is not None and each.reason for each in refused)
    assert all(json.loads(row) for row in rows)


@given(body=st.binary(max_size=200), spec=SPECS)
def test_no_bytes_are_a_surprise(body: bytes, spec: ModelSpec) -> None:
    with pytest.raises(InvalidInputError):
        read_request(body, spec)


def test_as_many_rows_and_bytes_as_are_allowed_and_no_more() -> None:
    spec, row = CATALOGUE["housing"], {"data": {"sqft": 1}}
    assert len(read_request(json.dumps({"instances": [row] * INSTANCES_LIMIT}).encode(), spec).rows) == INSTANCES_LIMIT
    with pytest.raises(InvalidInputError, match="instances"):
        read_request(json.dumps({"instances": [row] * (INSTANCES_LIMIT + 1)}).encode(), spec)
    body = json.dumps(row).encode()
    assert read_request(body.ljust(BODY_LIMIT_BYTES), spec).rows
    with pytest.raises(InvalidInputError, match="body"):
        read_request(body.ljust(BODY_LIMIT_BYTES + 1), spec)
