"""Where a stack's API answers on this machine."""

import pytest

from localcloud.access_key import AccessKey
from localcloud.endpoints import Endpoints
from localcloud.postgres import Connection

ENDPOINTS = Endpoints(
    "http://127.0.0.1:4566",
    "http://127.0.0.1:4577",
    Connection("127.0.0.1", 5432, "me", "pw", "db"),
    AccessKey("id", "secret"),
)


@pytest.mark.parametrize(
    ("output", "here"),
    [
        (
            "https://ab12cd34.execute-api.us-east-1.amazonaws.com/local/predict/macro",
            "http://127.0.0.1:4566/_aws/execute-api/ab12cd34/local/predict/macro",
        ),
        (
            "https://ab12cd34.execute-api.us-east-1.amazonaws.com/local",
            "http://127.0.0.1:4566/_aws/execute-api/ab12cd34/local",
        ),
        ("https://example.org/elsewhere", "https://example.org/elsewhere"),
    ],
)
def test_the_url_of_an_output_is_brought_to_this_machine(output: str, here: str) -> None:
    assert ENDPOINTS.reachable(output) == here


def test_the_password_is_in_the_dsn_and_not_in_the_address() -> None:
    assert ENDPOINTS.postgres.dsn == "postgresql://me:pw@127.0.0.1:5432/db"
    assert "pw" not in ENDPOINTS.postgres.address
