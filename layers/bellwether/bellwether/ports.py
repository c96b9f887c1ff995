"""What the use cases need from the outside, one Protocol each; adapters furnish them, fakes stand for them in tests."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from bellwether.domain.bars import Bar, BarRequest, Coverage
from bellwether.domain.bundle import Archive
from bellwether.domain.database import DatabaseLogin
from bellwether.domain.decisions import Decision, Outcome
from bellwether.domain.deployment import CurrentVersion, EndpointState, RegisteredVersion
from bellwether.domain.dispatch import (
    Book,
    BrokerOrder,
    Control,
    Execution,
    Order,
    Recommendation,
    Ruling,
    Step,
)
from bellwether.domain.feeds import DueFeed, FeedUpdate, ListedFeed
from bellwether.domain.migrations import AppliedMigration, Migration
from bellwether.domain.sentiment import Backlog, Results, Settled, Story
from bellwether.domain.signals import Signal, SignalRule, Situation
from bellwether.domain.stories import Batch
from bellwether.domain.training import TrainingJob
from bellwether.domain.watch import Incident, Sighting

# --- objects (S3) ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it; `etag` changes with its content."""

    key: str
    size_bytes: int
    etag: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectContent:
    """An object and its bytes."""

    content: bytes
    etag: str
    modified_at: datetime


class ObjectStore(Protocol):
    """The objects of one bucket. Every method raises TransientUpstreamError or UpstreamError when the store fails."""

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        """Objects whose key starts with `prefix`, by key."""

    def find(self, key: str) -> StoredObject | None:
        """The object's entry without its bytes; None when there is none."""

    def get(self, key: str) -> ObjectContent:
        """Raises NotFoundError."""

    def get_many(self, keys: Sequence[str]) -> Iterator[ObjectContent]:
        """The contents in the order of `keys`, fetched side by side; raises NotFoundError for the first one missing."""

    def put(
        self,
        key: str,
        content: bytes,
        *,
        content_type: str = "application/octet-stream",
        only_if_absent: bool = False,
        only_if_etag: str | None = None,
    ) -> str:
        """Write, and return the etag. ConflictError, with nothing written, when the condition does not hold."""

    def copy(self, source_key: str, target_key: str) -> None:
        """Copy within the bucket without fetching the bytes; raises NotFoundError."""

    def delete(self, key: str, *, only_if_etag: str | None = None) -> None:
        """Remove; nothing happens when it is gone. Raises ConflictError when its content is not the one meant."""


# --- series ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Download:
    """A CSV file as a source gave it; `known_on` where the source tells on which day its figures were known."""

    file_name: str
    content: bytes
    known_on: date | None = None


class SeriesSource(Protocol):
    """Where series can be fetched by name."""

    def downloads(self, series: str) -> Iterator[Download]:
        """One file, or one a vintage, oldest first. Raises NotFoundError for an unknown series, TransientUpstreamError
        after some attempts, UpstreamError when the source refuses."""


# --- time -----------------------------------------------------------------------------------------------------------


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The present instant, UTC and aware."""


# --- secrets --------------------------------------------------------------------------------------------------------


class SecretStore(Protocol):
    """Secrets whose text is one JSON object."""

    def get_json(self, secret_id: str) -> dict[str, Any]:
        """Raises NotFoundError when the secret is missing or has no value, InvalidInputError when it is no object."""

    def put_json(self, secret_id: str, value: Mapping[str, Any]) -> None:
        """Make `value` the secret's current version; raises NotFoundError when there is no such secret."""


# --- database -------------------------------------------------------------------------------------------------------


class MigrationFiles(Protocol):
    """The schema's steps as shipped with the code."""

    def migrations(self) -> tuple[Migration, ...]:
        """All of them, in no promised order; raises InvalidInputError for a file that is no migration."""

    def grants(self) -> str:
        """The statements that give the application's role its rights; repeatable."""


class DatabaseSchema(Protocol):
    """The database as its owner sees it. All but `accepts` is called inside `exclusively`."""

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep other migrators out; raises ConflictError when one is at it for longer than there is time."""

    def applied(self) -> tuple[AppliedMigration, ...]:
        """What was applied so far; nothing for a new database."""

    def apply(self, migration: Migration) -> None:
        """Run a migration and note it, both or neither; raises UpstreamError when the database refuses it."""

    def set_password(self, role: str, password: str) -> None:
        """Make the role with this password, or give it this one; InvalidInputError for the owner or a superuser."""

    def grant(self, statements: str, role: str) -> None:
        """Run the grants for this role in one transaction."""

    def accepts(self, login: DatabaseLogin) -> bool:
        """Whether one can log in so."""


class DecisionLedger(Protocol):
    """The append-only record of decisions and outcomes."""

    def add_decision(self, decision: Decision) -> bool:
        """Insert; False when its id is there already."""

    def add_outcome(self, outcome: Outcome) -> bool:
        """Insert; False when decision, status and instant are there already. NotFoundError without the decision."""

    def decision(self, decision_id: UUID) -> Decision:
        """The recorded decision; raises NotFoundError."""

    def outcomes(self, decision_id: UUID) -> tuple[Outcome, ...]:
        """What was seen of a decision, oldest first; empty for an unknown one."""


# --- model lifecycle ------------------------------------------------------------------------------------------------


class TrainingJobs(Protocol):
    """The training jobs of the account."""

    def named(self, prefix: str) -> tuple[TrainingJob, ...]:
        """Those whose name starts with `prefix`, whatever became of them."""


class JobCode(Protocol):
    """The training job's code as shipped with ours."""

    def pack(self) -> bytes:
        """A gzipped tar of it, the same bytes for the same code."""


class Archives(Protocol):
    """The tars that training jobs leave in the data bucket."""

    def read(self, uri: str, *, keep: frozenset[str]) -> Archive:
        """Hash every file of the tar and keep the bytes of those named.

        Raises NotFoundError, InvalidInputError for what is no gzipped tar, lies elsewhere or is too large, and
        BundleTamperedError for a member that no honest job writes: a link, a device, a path that leads out.
        """


@dataclass(frozen=True)
class Registration:
    """A candidate on its way into the registry. `token` is the same whenever the same candidate is registered."""

    package_group: str
    token: UUID
    description: str
    model_data_url: str
    image_uri: str
    environment: Mapping[str, str]
    evidence_uri: str
    metadata: Mapping[str, str]


class ModelRegistry(Protocol):
    """Where versions wait for a person's approval."""

    def register(self, registration: Registration) -> RegisteredVersion:
        """Register as pending; the version that is there already when its token was used before."""


class RegisteredVersions(Protocol):
    """The registry, to be read."""

    def describe(self, arn: str) -> RegisteredVersion:
        """Raises NotFoundError."""


class CurrentVersions(Protocol):
    """Which version of each model serves."""

    def get(self, model: str) -> CurrentVersion | None:
        """None before the first promotion; raises InvalidInputError for what can't be read."""


class Promotions(CurrentVersions, Protocol):
    """The same, to be changed."""

    def put(self, model: str, current: CurrentVersion) -> None:
        """Make this version the current one."""


class EndpointStates(Protocol):
    """Endpoints, to be looked at."""

    def find(self, endpoint_name: str) -> EndpointState | None:
        """None when there is no such endpoint."""


class Endpoints(EndpointStates, Protocol):
    """Endpoints, to be changed. An endpoint that is changing takes no order: ConflictError."""

    def create(self, endpoint_name: str, config_name: str) -> None:
        """Raises ConflictError when it is there."""

    def update(self, endpoint_name: str, config_name: str) -> None:
        """Move it to another configuration without an interruption; raises NotFoundError."""

    def delete(self, endpoint_name: str) -> None:
        """Remove it; nothing happens when it is gone."""


class ServingModels(Protocol):
    """The SageMaker models and serverless configurations that endpoints are made of."""

    def ensure_model(self, model_name: str, model_package_arn: str) -> None:
        """Make the model of a registered version; ConflictError when the name belongs to another version."""

    def ensure_config(self, config_name: str, model_name: str, *, memory_mb: int, max_concurrency: int) -> None:
        """Make the serverless configuration of a model, unless it is there."""


@dataclass(frozen=True)
class Answer:
    """What an endpoint said, and how long it took."""

    body: bytes
    latency_ms: float


class Predictor(Protocol):
    """Models in service."""

    def invoke(self, endpoint_name: str, body: bytes) -> Answer:
        """Ask a model in JSON.

        Raises InvalidInputError with the field that the model refused, NotFoundError without such an endpoint,
        TransientUpstreamError when it is throttled, cold or starting, UpstreamError when the model itself failed.
        """


class Processes(Protocol):
    """State machines, to be started."""

    def start(self, name: str, payload: Mapping[str, Any]) -> str | None:
        """Start an execution and return its ARN; None when one of this name has run or runs already."""


# --- dispatch -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An approved order whose dispatcher did not come back. `sent`: the broker was seen to have it."""

    order: Order
    sent: bool


class RecommendationStore(Protocol):
    """Recommendations on their way through the gates. All but `transaction` is called inside of it."""

    def transaction(self) -> AbstractContextManager[None]:
        """What is claimed, ruled and recorded in it holds altogether or not at all."""

    def lock_pending(self, limit: int) -> tuple[Recommendation, ...]:
        """The oldest that wait and that nobody else has in hand, to the transaction's end."""

    def claim_unsettled(
        self, token: UUID, *, limit: int, now: datetime, claimed_until: datetime
    ) -> tuple[Unsettled, ...]:
        """Approved orders whose claim has run out, now claimed under `token`."""

    def book(self, tickers: Sequence[str], *, broker: str, day_start: datetime, failures_since: datetime) -> Book:
        """What the limits at `broker` refer to, with quotes of `tickers`; nobody else sees it meanwhile."""

    def record(self, rulings: Sequence[Ruling], token: UUID, *, claimed_until: datetime) -> None:
        """Keep decisions, and approved orders under `token`; ConflictError when one was decided before."""


class ExecutionStore(Protocol):
    """Orders, and what brokers made of them."""

    def settle(self, execution: Execution) -> Step:
        """Take a report about an order in, once; returns what it changed. Raises NotFoundError for an unknown order."""


class DispatchControls(Protocol):
    """The manual kill switch."""

    def current(self) -> Control:
        """As it was last set."""

    def change(self, *, halted: bool, actor: str, reason: str) -> Control:
        """Set it. When this returns, no order is approved any more (or, resumed, may be again)."""

    def on_their_way(self) -> int:
        """How many orders are approved and not settled."""


class Broker(Protocol):
    """Who executes orders. Raises TransientUpstreamError or UpstreamError."""

    @property
    def name(self) -> str:
        """As it stands in the table of executions."""

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order of that name; None when there is none."""

    def place(self, order: Order) -> BrokerOrder:
        """Send it; raises ConflictError when an order of its name is there already."""


# --- watch ----------------------------------------------------------------------------------------------------------


class Watchtower(Protocol):
    """What the watchdog sees and keeps. All but `transaction` is called inside of it."""

    def transaction(self) -> AbstractContextManager[None]:
        """Keeps other watchdogs out; what is saved in it holds altogether or not at all."""

    def look(self, *, failures_since: datetime) -> Sighting:
        """How old, how far behind, how broken everything is."""

    def incidents(self) -> tuple[Incident, ...]:
        """Those that are open, or whose end nobody was told."""

    def save(self, incidents: Sequence[Incident]) -> None:
        """Keep new ones, and changes of those that are there."""


# --- feeds ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FeedAnswer:
    """What a feed's server said.

    `error`: why there is no answer at all; `unreadable`: why its bytes (`content`, as they came) are no document.
    `tried` is false when there was no time left to ask.
    """

    feed: DueFeed
    fetched_at: datetime
    url: str
    http_status: int | None = None
    content: bytes = b""
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    max_age_seconds: int | None = None
    retry_after_seconds: int | None = None
    moved_to: str | None = None
    error: str | None = None
    unreadable: str | None = None
    tried: bool = True


class FeedFetcher(Protocol):
    """Feeds' servers."""

    def fetch(self, feeds: Sequence[DueFeed], *, seconds_left: float) -> Iterator[FeedAnswer]:
        """One answer a feed, as they come in, within the time given; of a feed that fails the answer says so."""


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """An entry as its document has it; texts without markup."""

    entry_id: str
    url: str
    title: str
    summary: str
    published_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class FeedDocument:
    """A feed's document: its entries, its own names, and how often its publisher wants to be asked."""

    entries: tuple[DocumentEntry, ...]
    names: tuple[str, ...]
    ttl_seconds: int | None = None
    update_period_seconds: int | None = None


class FeedParser(Protocol):
    """Who reads RSS and Atom in all their states."""

    def parse(self, content: bytes, *, url: str, content_type: str | None) -> FeedDocument:
        """Raises InvalidInputError for what is no feed, is out to harm, or takes too long to read."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of storing: new events, known ones, texts kept beside, new ones linked to an older story, states."""

    stored: int
    known: int
    versions: int
    linked: int
    feeds: int


class FeedStore(Protocol):
    """The state of the feeds, and the events that came from them."""

    def list_feeds(self, feeds: Sequence[ListedFeed], *, now: datetime) -> None:
        """Make these the configured feeds: new ones are due at once, others rest, a new address starts afresh."""

    def claim_due(self, *, now: datetime, due_by: datetime, claimed_until: datetime, limit: int) -> tuple[DueFeed, ...]:
        """Claim feeds that are due by then and that nobody else holds, longest due first."""

    def store(self, batch: Batch, updates: Sequence[FeedUpdate], *, now: datetime) -> Stored:
        """Events and states, all or none. Repeated, nothing happens; a state is written by who holds the claim only."""

    def forget(self, *, unseen_since: datetime, limit: int) -> int:
        """Delete some of the events that no feed has shown since then, longest unseen first; how many they were."""


# --- telemetry and signals ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused:
    """A bar or a ticker that could not be used, and why."""

    ticker: str
    reason: str


@dataclass(frozen=True)
class BarAnswer:
    """What a source gave for a request, bars that can't be true and tickers that it does not know aside."""

    bars: tuple[Bar, ...]
    refused: tuple[Refused, ...] = ()


class MarketData(Protocol):
    """Where bars come from."""

    def bars(self, request: BarRequest) -> BarAnswer:
        """All bars of a request. Raises TransientUpstreamError after some attempts, UpstreamError for a refusal."""


@dataclass(frozen=True)
class StoredBars:
    """What became of bars: new, corrections, and of the new ones those older than their ticker's newest.

    `jumps` holds the pairs of neighbours around each large jump into a new bar.
    """

    stored: int
    revised: int
    late: int
    jumps: tuple[tuple[Bar, Bar], ...]


class BarStore(Protocol):
    """Bars that are kept (table `lane_telemetry`), and which of them were asked for."""

    def coverage(self, tickers: Sequence[str], first_day: date) -> Mapping[tuple[date, str], Coverage]:
        """How far each session since `first_day` was asked for, by day and ticker."""

    def present(self, tickers: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[datetime]]:
        """Starts of the kept bars in [start, end), in order, by ticker."""

    def store(self, bars: Sequence[Bar], answered: Sequence[BarRequest], source: str) -> StoredBars:
        """Keep bars and note the requests that they answer, both or neither. A bar that is there is corrected."""


class SignalStore(Protocol):
    """What the rule looks at, and where its recommendations go."""

    def situations(self, now: datetime, rule: SignalRule) -> Iterator[Situation]:
        """One for each ticker with a classified story in the rule's window; `market_open` is taken as given."""

    def add(self, signals: Sequence[Signal], cooldown: timedelta) -> tuple[UUID, ...]:
        """Insert as PENDING; ids of those that were new and whose ticker had none within the cooldown."""


# --- stories --------------------------------------------------------------------------------------------------------


class StoryQueue(Protocol):
    """Stories that wait for their label. A claim is a token with a lease: when it has run out, it holds nothing."""

    def backlog(self, doubtful_after: int) -> Backlog:
        """Stories that nobody holds; doubtful are those with so many attempts or more."""

    def held(self, token: UUID) -> tuple[Story, ...]:
        """What this token has claimed and still holds, oldest first."""

    def claim(self, token: UUID, *, limit: int, lease_seconds: int, attempts_below: int) -> tuple[Story, ...]:
        """Claim the oldest that nobody holds and that were tried less often; counts an attempt each."""

    def settle(self, results: Results, *, attempts_most: int) -> Settled:
        """Store labels of stories that are still this claim's and still the same text; the others are free again."""

    def release(self, token: UUID, *, counted: bool) -> int:
        """Free what the token holds; not counted, the attempt never was. Returns how many they were."""

    def give_up(self, attempts_most: int) -> int:
        """Set aside what nobody holds and was tried so often without an answer; returns how many they were."""
