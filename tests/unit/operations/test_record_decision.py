"""Recording over the ledger in memory."""

import pytest

from bellwether.shared.ports.database import DecisionLedger
from tests.fakes.database import InMemoryLedger
from tests.fakes.ledger_suite import LedgerSuite


class TestInMemoryLedger(LedgerSuite):
    """The fake behaves as the adapter does."""

    @pytest.fixture
    def ledger(self) -> DecisionLedger:
        return InMemoryLedger()
