"""What callers send ends up in log lines."""

import json

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from bellwether.shared.observability import logger


@pytest.mark.parametrize("text", ["half a pair \ud800", "Ærø 7 😀", "a\nb\x00\u2028"])
def test_a_log_line_can_be_written_whatever_was_sent(text: str) -> None:
    # Given a field that a caller has named
    formatter = logger.registered_formatter
    assert isinstance(formatter, LambdaPowertoolsFormatter)
    line = formatter.json_serializer({"message": "prediction refused", "field": text})
    # When it is written, as Lambda writes it; Then it is one line that reads back the same
    written = line.encode("utf-8")
    assert written.count(b"\n") == 0
    assert json.loads(written)["field"] == text
