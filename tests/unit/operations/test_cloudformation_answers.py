"""What a custom resource's function understands of CloudFormation's requests."""

import pytest

from bellwether.operations.adapters.cloudformation import CustomResourceRequest
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.settings import parse

EVENT = {
    "RequestType": "Create",
    "ResponseURL": "https://answers.invalid/signed",
    "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/bellwether/5c1d",
    "RequestId": "r-1",
    "LogicalResourceId": "DatabaseMigration",
    "ResourceType": "Custom::DatabaseMigration",
    "ResourceProperties": {"ServiceToken": "arn", "MigrationsVersion": "0001"},
}


def test_the_physical_id_stays_the_same_over_updates() -> None:
    created = parse(CustomResourceRequest, EVENT)
    updated = parse(CustomResourceRequest, EVENT | {"RequestType": "Update", "PhysicalResourceId": created.physical_id})
    assert created.physical_id == updated.physical_id == "DatabaseMigration-5c1d"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", ""])
def test_an_answer_goes_nowhere_but_over_http(url: str) -> None:
    with pytest.raises(InvalidInputError, match="ResponseURL"):
        parse(CustomResourceRequest, EVENT | {"ResponseURL": url})


def test_the_signed_url_is_not_shown() -> None:
    assert "signed" not in repr(parse(CustomResourceRequest, EVENT))


def test_a_direct_invocation_is_none() -> None:
    assert not CustomResourceRequest.is_in({})
    assert CustomResourceRequest.is_in(EVENT)
