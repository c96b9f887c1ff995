"""The queue of stories to classify, in PostgreSQL (tables `inbound_events_raw` and `inbound_events_classified`)."""

from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from bellwether.news.domain.sentiment import Backlog, Failure, Results, Settled, Story
from bellwether.shared.adapters.postgres import Database

STORE_ROWS = 2_000  # labels in one statement


class PostgresStories:
    """StoryQueue in one database, with the rights of the application role. Uses the clock of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def backlog(self, doubtful_after: int) -> Backlog:
        """Count unclaimed stories; doubtful ones have at least `doubtful_after` attempts."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                SELECT count(*) FILTER (WHERE attempts < %(doubtful)s), count(*) FILTER (WHERE attempts >= %(doubtful)s)
                FROM inbound_events_raw
                WHERE processed_at IS NULL AND set_aside_at IS NULL
                    AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
                """,
                {"doubtful": doubtful_after},
            ).fetchone()
        return Backlog(*row) if row else Backlog(0, 0)

    def held(self, token: UUID) -> tuple[Story, ...]:
        """Return stories with an unexpired claim of this token, oldest first."""
        with self._database.transaction() as connection, connection.cursor(row_factory=class_row(Story)) as cursor:
            cursor.execute(
                """
                SELECT event_uid, title, summary, content_sha256 FROM inbound_events_raw
                WHERE claim_token = %s AND claimed_until >= clock_timestamp() AND processed_at IS NULL
                ORDER BY first_seen_at, event_uid
                """,
                (token,),
            )
            return tuple(cursor.fetchall())

    def claim(self, token: UUID, *, limit: int, lease_seconds: int, attempts_below: int) -> tuple[Story, ...]:
        """Claim the oldest unclaimed stories with fewer attempts than `attempts_below`; count an attempt for each."""
        with self._database.transaction() as connection, connection.cursor(row_factory=class_row(Story)) as cursor:
            cursor.execute(
                """
                WITH free AS (
                    SELECT event_uid FROM inbound_events_raw
                    WHERE processed_at IS NULL AND set_aside_at IS NULL AND attempts < %(attempts_below)s
                        AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
                    ORDER BY first_seen_at, event_uid
                    LIMIT %(limit)s
                    FOR UPDATE SKIP LOCKED
                ), claimed AS (
                    UPDATE inbound_events_raw AS raw
                    SET claim_token = %(token)s, attempts = attempts + 1,
                        claimed_until = clock_timestamp() + make_interval(secs => %(lease_seconds)s)
                    FROM free WHERE raw.event_uid = free.event_uid
                    RETURNING raw.event_uid, title, summary, content_sha256, first_seen_at
                )
                SELECT event_uid, title, summary, content_sha256 FROM claimed ORDER BY first_seen_at, event_uid
                """,
                {
                    "token": token,
                    "limit": limit,
                    "lease_seconds": lease_seconds,
                    "attempts_below": attempts_below,
                },
            )
            return tuple(cursor.fetchall())

    def settle(self, results: Results, *, attempts_most: int) -> Settled:
        """Store labels of stories that the claim still holds and whose text is unchanged; release the others.

        An expired lease is accepted if no other claim has taken the story.
        """
        with self._database.transaction() as connection:
            stored = sum(_store(connection, results, start) for start in range(0, len(results.classified), STORE_ROWS))
            set_aside = _set_aside(connection, results.claim_token, results.failed, attempts_most)
            released = _release(connection, results.claim_token, counted=True)
        late = len(results.classified) + len(results.failed) - stored - set_aside - released
        return Settled(stored=stored, released=released, set_aside=set_aside, late=max(late, 0))

    def release(self, token: UUID, *, counted: bool) -> int:
        """Release the stories of a claim; uncounted, the attempt is undone. Return the number."""
        with self._database.transaction() as connection:
            return _release(connection, token, counted=counted)

    def give_up(self, attempts_most: int) -> int:
        """Set aside unclaimed stories that have used up their attempts; return the number."""
        with self._database.transaction() as connection:
            return connection.execute(
                """
                WITH lost AS (
                    SELECT event_uid FROM inbound_events_raw
                    WHERE processed_at IS NULL AND set_aside_at IS NULL AND attempts >= %(attempts_most)s
                        AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
                    FOR UPDATE SKIP LOCKED
                )
                UPDATE inbound_events_raw AS raw
                SET claim_token = NULL, claimed_until = NULL, set_aside_at = clock_timestamp(),
                    set_aside_reason = format('no answer in %%s attempts', attempts)
                FROM lost WHERE raw.event_uid = lost.event_uid
                """,
                {"attempts_most": attempts_most},
            ).rowcount


def _store(connection: Connection[TupleRow], results: Results, start: int) -> int:
    """Store a portion of the labels: mark stories as processed and insert labels of exactly those.

    `IS NOT DISTINCT FROM` keeps the planner from the index on claims: it cannot estimate that one claim holds thousands
    of rows, and scanning them for each label took a thousand times as long.
    """
    some = results.classified[start : start + STORE_ROWS]
    return connection.execute(
        """
        WITH given AS (
            SELECT * FROM jsonb_to_recordset(%(rows)s) AS row (
                event_uid text, content_sha256 text, label text, scores jsonb, model_version text, tickers text[],
                tones jsonb
            )
        ), processed AS (
            UPDATE inbound_events_raw AS raw
            SET processed_at = clock_timestamp(), claim_token = NULL, claimed_until = NULL
            FROM given
            WHERE raw.event_uid = given.event_uid AND raw.claim_token IS NOT DISTINCT FROM %(token)s
                AND raw.content_sha256 = given.content_sha256 AND raw.processed_at IS NULL
            RETURNING raw.event_uid
        )
        INSERT INTO inbound_events_classified (event_uid, label, scores, model_version, tickers, tones, classified_at)
        SELECT event_uid, label, scores, model_version, tickers, tones, clock_timestamp()
        FROM given JOIN processed USING (event_uid)
        ON CONFLICT (event_uid) DO UPDATE SET -- a reset story is classified again
            label = excluded.label, scores = excluded.scores, model_version = excluded.model_version,
            tickers = excluded.tickers, tones = excluded.tones, classified_at = excluded.classified_at
        """,
        {"token": results.claim_token, "rows": Jsonb([each.model_dump(mode="json") for each in some])},
    ).rowcount


def _set_aside(connection: Connection[TupleRow], token: UUID, failed: tuple[Failure, ...], attempts_most: int) -> int:
    """Set aside the failed stories that have used up their attempts, each with its reason."""
    if not failed:
        return 0
    return connection.execute(
        """
        UPDATE inbound_events_raw AS raw
        SET set_aside_at = clock_timestamp(), set_aside_reason = given.reason, claim_token = NULL, claimed_until = NULL
        FROM jsonb_to_recordset(%(rows)s) AS given (event_uid text, reason text)
        WHERE raw.event_uid = given.event_uid AND raw.claim_token IS NOT DISTINCT FROM %(token)s
            AND raw.processed_at IS NULL AND raw.attempts >= %(attempts_most)s
        """,
        {
            "token": token,
            "attempts_most": attempts_most,
            "rows": Jsonb([each.model_dump(mode="json") for each in failed]),
        },
    ).rowcount


def _release(connection: Connection[TupleRow], token: UUID, *, counted: bool) -> int:
    return connection.execute(
        """
        UPDATE inbound_events_raw
        SET claim_token = NULL, claimed_until = NULL, attempts = attempts - %(uncounted)s
        WHERE claim_token = %(token)s AND processed_at IS NULL
        """,
        {"token": token, "uncounted": 0 if counted else 1},
    ).rowcount
