import pytest

from tests.fakes.charges import InMemoryCharges
from tests.fakes.charges_suite import ChargeStoreSuite


@pytest.fixture
def charges() -> InMemoryCharges:
    return InMemoryCharges()


class TestInMemoryCharges(ChargeStoreSuite):
    pass
