"""Which result each sample event must have in a container, and what has to be there for it.

The cases run in this order, each on what the ones before it left: the migration makes the tables that decisions go to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.containers.world import World

Event = dict[str, Any]
SAMPLE_ANSWERS_URL = "http://localhost:4566/custom-resource-answers"


def as_it_is(_world: World, event: Event) -> Event:
    """The event needs nothing."""
    return event


@dataclass(frozen=True)
class Case:
    """A sample event `events/<name>.json`. `error` is the errorType it must end in; `result` is part of its result.

    `given` prepares the world for the event and may point it at what runs here; `then` looks at what became of it.
    """

    name: str
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    given: Callable[[World, Event], Event] = as_it_is
    then: Callable[[World], None] = lambda _world: None

    @property
    def function(self) -> str:
        """Logical id in the template: models/ingest_series → IngestSeriesFunction."""
        verb_noun = self.name.split("/")[1]
        return "".join(word.capitalize() for word in verb_noun.split("_")) + "Function"


# --- operations -----------------------------------------------------------------------------------------------------

DECISION_ID = "166735c2-e082-50aa-9778-4d381f8a86b5"


def answered_here(world: World, event: Event) -> Event:
    """CloudFormation's place is taken by a server of ours."""
    return event | {"ResponseURL": event["ResponseURL"].replace(SAMPLE_ANSWERS_URL, world.answers_url)}


def answers_success(world: World) -> None:
    """The last answer to CloudFormation is a success."""
    assert world.answers, "CloudFormation got no answer"
    assert world.answers[-1]["Status"] == "SUCCESS", world.answers[-1]


OPERATIONS = (
    Case("operations/migrate_database/create", {"version": "0001"}, given=answered_here, then=answers_success),
    Case("operations/migrate_database/update", {"applied": []}, given=answered_here, then=answers_success),
    Case("operations/migrate_database/direct", {"applied": []}),
    Case("operations/record_decision/outcome_without_decision", error="NotFoundError"),
    Case("operations/record_decision/decision", {"decision_id": DECISION_ID, "recorded": True}),
    Case("operations/record_decision/outcome", {"decision_id": DECISION_ID, "recorded": True}),
    Case("operations/record_decision/nonsense", error="InvalidInputError"),
    Case("operations/migrate_database/delete", {}, given=answered_here, then=answers_success),
)

CASES = OPERATIONS
