"""Feeds and their events in PostgreSQL: `feed_state`, `inbound_events_raw`, `inbound_event_versions`, `story_keys`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import class_row
from pydantic import ValidationError

from bellwether.news.domain.entry_identity import FeedIdentity
from bellwether.news.domain.feeds import DueFeed, FeedState, FeedUpdate, ListedFeed
from bellwether.news.domain.stories import ALIKE_BESIDE, ALIKE_WITHIN, CANDIDATES, STORY_DAYS, SUMMARY_LOOKED_AT, Batch
from bellwether.news.ports.feed_access import Stored
from bellwether.shared.adapters.postgres import Database

SEEN_AGAIN = timedelta(hours=6)
"""`last_seen_at` of an entry that stays in its feed is written no more often than this."""
READING_GAP = timedelta(hours=2)
"""An undated entry takes its arrival as its date only if the feed was read this shortly before; else it has none.

The reading must also share an entry with what was known: a document of new entries only is a first reading again, as
after a change of ids. A document of one entry is exempt.
"""

_LIST = """
WITH wanted AS (SELECT * FROM unnest(%(feed_ids)s::text[], %(urls)s::text[]) AS w (feed_id, url)),
unlisted AS (
    UPDATE feed_state SET listed = false
    WHERE listed AND NOT EXISTS (SELECT FROM wanted WHERE wanted.feed_id = feed_state.feed_id)
)
INSERT INTO feed_state AS s (feed_id, url, next_attempt_at, added_at)
SELECT feed_id, url, %(now)s, %(now)s FROM wanted ORDER BY feed_id
ON CONFLICT (feed_id) DO UPDATE SET
    url = EXCLUDED.url, listed = true, moved_to = NULL, etag = NULL, last_modified = NULL, body_sha256 = NULL,
    interval_seconds = DEFAULT, failures = 0, last_error = NULL, retired_at = NULL, last_success_at = NULL,
    next_attempt_at = EXCLUDED.next_attempt_at, claimed_until = NULL, claim_token = NULL
WHERE s.url <> EXCLUDED.url OR NOT s.listed
"""

# An interval that is changed counts from now on. An identity that is no longer configured is decided anew.
_SETTINGS = """
UPDATE feed_state AS s SET
    listed_interval_seconds = w.interval_seconds,
    next_attempt_at = CASE
        WHEN s.failures = 0 AND w.interval_seconds IS DISTINCT FROM s.listed_interval_seconds
        THEN least(s.next_attempt_at, %(now)s + make_interval(secs => coalesce(w.interval_seconds, s.interval_seconds)))
        ELSE s.next_attempt_at
    END,
    identity = CASE
        WHEN w.identity IS NOT NULL
        THEN s.identity || jsonb_build_object('basis', w.identity, 'fixed', true, 'reason', 'set in the feed list')
        WHEN s.identity @> '{"fixed": true}' THEN s.identity || '{"basis": "id", "fixed": false, "reason": ""}'
        ELSE s.identity
    END
FROM unnest(%(feed_ids)s::text[], %(intervals)s::integer[], %(identities)s::text[])
    AS w (feed_id, interval_seconds, identity)
WHERE s.feed_id = w.feed_id AND (
    w.interval_seconds IS DISTINCT FROM s.listed_interval_seconds
    OR w.identity IS DISTINCT FROM CASE WHEN s.identity @> '{"fixed": true}' THEN s.identity->>'basis' END
)
"""

_CLAIM = """
WITH due AS (
    SELECT feed_id, next_attempt_at FROM feed_state
    WHERE listed AND retired_at IS NULL AND next_attempt_at <= %(due_by)s
        AND (claimed_until IS NULL OR claimed_until <= %(now)s)
    ORDER BY next_attempt_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
),
claimed AS (
    UPDATE feed_state s SET claimed_until = %(claimed_until)s, claim_token = gen_random_uuid()
    FROM due WHERE s.feed_id = due.feed_id
    RETURNING s.feed_id, coalesce(s.moved_to, s.url) AS url, s.claim_token, s.etag, s.last_modified, s.body_sha256,
        coalesce(s.listed_interval_seconds, s.interval_seconds) AS interval_seconds, s.failures,
        s.listed_interval_seconds, due.next_attempt_at
)
SELECT feed_id, url, claim_token, etag, last_modified, body_sha256, interval_seconds, failures, listed_interval_seconds
FROM claimed ORDER BY next_attempt_at, feed_id
"""

# Two at once would not see each other's stories, and so link none of them: one stores at a time.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('bellwether:stories', 0))"

# A text with other words has its label no longer: it waits for another one. Commas and capitals change no tone.
STORE = """
WITH incoming AS (
    SELECT event_uid, feed_id, entry_id, url, title, summary, published_at, seen_at, content_sha256, leader_uid,
        is_old, link_key, terms::integer[] AS terms
    FROM unnest(
        %(event_uid)s::text[], %(feed_id)s::text[], %(entry_id)s::text[], %(url)s::text[], %(title)s::text[],
        %(summary)s::text[], %(published_at)s::timestamptz[], %(seen_at)s::timestamptz[], %(content_sha256)s::text[],
        %(leader_uid)s::text[], %(is_old)s::boolean[], %(link_key)s::bigint[], %(terms)s::text[]
    ) AS i (
        event_uid, feed_id, entry_id, url, title, summary, published_at, seen_at, content_sha256, leader_uid, is_old,
        link_key, terms
    )
),
known AS (
    SELECT r.event_uid, r.story_uid, r.content_sha256, r.title, r.summary, r.content_seen_at, r.title_terms,
        r.processed_at IS NOT NULL OR r.set_aside_at IS NOT NULL AS done
    FROM inbound_events_raw r WHERE r.event_uid = ANY (%(event_uid)s::text[])
),
fresh AS (SELECT i.* FROM incoming i WHERE NOT EXISTS (SELECT FROM known k WHERE k.event_uid = i.event_uid)),
reading AS ( -- whether an undated entry that is new has appeared since a reading shortly before this one: a document of
    -- mostly new entries may be an archive that is published again
    SELECT i.feed_id, s.last_success_at >= max(i.seen_at) - %(reading_gap)s::interval
            AND (2 * count(k.event_uid) >= count(*) OR count(*) = 1) AS continues
    FROM incoming i JOIN feed_state s USING (feed_id) LEFT JOIN known k USING (event_uid)
    GROUP BY i.feed_id, s.last_success_at
),
keyed AS (SELECT * FROM unnest(%(key_event_uid)s::text[], %(story_key)s::bigint[]) AS k (event_uid, story_key)),
near AS (
    SELECT DISTINCT f.event_uid, candidate.event_uid AS other_uid
    FROM fresh f JOIN keyed k USING (event_uid) CROSS JOIN LATERAL (
        SELECT s.event_uid FROM story_keys s
        WHERE s.story_key = k.story_key AND s.seen_at >= f.seen_at - %(story_window)s::interval
        ORDER BY s.seen_at DESC LIMIT %(candidates)s
    ) AS candidate
),
linked AS ( -- the same address in another feed, or under another id; the page may be reused, so titles must be alike
    SELECT DISTINCT ON (f.event_uid) f.event_uid, r.story_uid
    FROM fresh f JOIN inbound_events_raw r
        ON r.link_key = f.link_key AND r.first_seen_at >= f.seen_at - %(story_window)s::interval
    CROSS JOIN LATERAL (SELECT count(*) AS terms FROM unnest(f.terms) AS t WHERE t = ANY (r.title_terms)) AS shared
    WHERE 2 * shared.terms >= greatest(1, least(cardinality(f.terms), cardinality(r.title_terms)))
    ORDER BY f.event_uid, r.first_seen_at, r.event_uid
),
matched AS (
    SELECT DISTINCT ON (n.event_uid) n.event_uid, r.story_uid
    FROM near n
    JOIN fresh f ON f.event_uid = n.event_uid
    JOIN inbound_events_raw r ON r.event_uid = n.other_uid
    CROSS JOIN LATERAL (SELECT count(*) AS terms FROM unnest(f.terms) AS t WHERE t = ANY (r.title_terms)) AS shared
    CROSS JOIN LATERAL (
        SELECT shared.terms::float8 / nullif(cardinality(f.terms) + cardinality(r.title_terms) - shared.terms, 0)
            AS jaccard
    ) AS similarity
    WHERE similarity.jaccard >= CASE
        WHEN shared.terms = least(cardinality(f.terms), cardinality(r.title_terms)) THEN %(alike_within)s
        ELSE %(alike_beside)s
    END
    ORDER BY n.event_uid, similarity.jaccard DESC, r.first_seen_at, r.event_uid
),
stored AS (
    INSERT INTO inbound_events_raw (
        event_uid, feed_id, entry_id, url, title, summary, published_at, first_seen_at, last_seen_at, content_sha256,
        content_seen_at, story_uid, title_terms, new_since_reading, link_key
    )
    SELECT f.event_uid, f.feed_id, f.entry_id, f.url, f.title, f.summary, f.published_at, f.seen_at, f.seen_at,
        f.content_sha256, f.seen_at,
        coalesce(
            l.story_uid, m.story_uid, leader.story_uid, leader_linked.story_uid, of_leader.story_uid, f.leader_uid
        ),
        f.terms, f.published_at IS NULL AND NOT f.is_old AND coalesce(reading.continues, false), f.link_key
    FROM fresh f
    LEFT JOIN reading ON reading.feed_id = f.feed_id
    LEFT JOIN linked l ON l.event_uid = f.event_uid
    LEFT JOIN linked leader_linked ON leader_linked.event_uid = f.leader_uid
    LEFT JOIN matched m ON m.event_uid = f.event_uid
    LEFT JOIN known leader ON leader.event_uid = f.leader_uid
    LEFT JOIN matched of_leader ON of_leader.event_uid = f.leader_uid
    ON CONFLICT (event_uid) DO NOTHING
    RETURNING event_uid, story_uid, first_seen_at
),
keys AS (
    INSERT INTO story_keys (story_key, seen_at, event_uid)
    SELECT k.story_key, s.first_seen_at, s.event_uid FROM keyed k JOIN stored s USING (event_uid)
    ON CONFLICT DO NOTHING
),
kept AS (
    INSERT INTO inbound_event_versions (event_uid, content_sha256, title, summary, seen_at)
    SELECT k.event_uid, k.content_sha256, k.title, k.summary, k.content_seen_at
    FROM known k JOIN incoming i USING (event_uid) WHERE k.content_sha256 <> i.content_sha256
    ON CONFLICT DO NOTHING
    RETURNING event_uid
),
edited AS (
    UPDATE inbound_events_raw r SET
        title = i.title, summary = i.summary, url = i.url, title_terms = i.terms, content_sha256 = i.content_sha256,
        content_seen_at = CASE WHEN r.content_sha256 = i.content_sha256 THEN r.content_seen_at ELSE i.seen_at END,
        last_seen_at = greatest(r.last_seen_at, i.seen_at),
        processed_at = CASE WHEN other.words THEN NULL ELSE r.processed_at END,
        set_aside_at = CASE WHEN other.words THEN NULL ELSE r.set_aside_at END,
        set_aside_reason = CASE WHEN other.words THEN NULL ELSE r.set_aside_reason END,
        attempts = CASE WHEN other.words AND k.done THEN 0 ELSE r.attempts END
    FROM incoming i
    JOIN known k USING (event_uid)
    CROSS JOIN LATERAL (
        SELECT k.content_sha256 <> i.content_sha256
            AND (k.title_terms <> i.terms
                OR regexp_replace(lower(left(k.summary, %(looked_at)s)), '[[:space:][:punct:]]+', ' ', 'g')
                    <> regexp_replace(lower(left(i.summary, %(looked_at)s)), '[[:space:][:punct:]]+', ' ', 'g')
            ) AS words
    ) AS other
    WHERE r.event_uid = i.event_uid AND (
        r.content_sha256 <> i.content_sha256 OR r.last_seen_at < i.seen_at - %(seen_again)s::interval
    )
    RETURNING other.words AND k.done AS requeued
)
SELECT
    (SELECT count(*) FROM stored),
    (SELECT count(*) FROM incoming) - (SELECT count(*) FROM stored),
    (SELECT count(*) FROM kept),
    (SELECT count(*) FROM stored WHERE story_uid <> event_uid),
    (SELECT count(*) FROM edited WHERE requeued)
"""

_OTHER_TEXTS = """
INSERT INTO inbound_event_versions (event_uid, content_sha256, title, summary, seen_at)
SELECT o.event_uid, o.content_sha256, o.title, o.summary, %(now)s
FROM unnest(%(event_uid)s::text[], %(content_sha256)s::text[], %(title)s::text[], %(summary)s::text[])
    AS o (event_uid, content_sha256, title, summary)
ON CONFLICT DO NOTHING
RETURNING 1
"""

_STATES = """
UPDATE feed_state s SET
    claimed_until = NULL,
    claim_token = NULL,
    next_attempt_at = u.next_attempt_at,
    interval_seconds = u.interval_seconds,
    failures = u.failures,
    last_error = CASE WHEN u.tried THEN u.error ELSE s.last_error END,
    last_http_status = CASE WHEN u.tried THEN u.http_status ELSE s.last_http_status END,
    last_attempt_at = CASE WHEN u.tried THEN u.attempted_at ELSE s.last_attempt_at END,
    last_success_at = CASE WHEN u.succeeded THEN u.attempted_at ELSE s.last_success_at END,
    last_entries_at = CASE WHEN u.changed THEN u.attempted_at ELSE s.last_entries_at END,
    retired_at = CASE WHEN u.retired THEN u.attempted_at ELSE s.retired_at END,
    moved_to = CASE WHEN u.forget_move THEN NULL ELSE coalesce(u.moved_to, s.moved_to) END,
    etag = CASE WHEN u.keep_validators THEN s.etag ELSE u.etag END,
    last_modified = CASE WHEN u.keep_validators THEN s.last_modified ELSE u.last_modified END,
    body_sha256 = CASE WHEN u.keep_validators THEN s.body_sha256 ELSE u.body_sha256 END,
    identity = coalesce(u.identity::jsonb, s.identity)
FROM unnest(
    %(feed_id)s::text[], %(claim_token)s::uuid[], %(attempted_at)s::timestamptz[], %(next_attempt_at)s::timestamptz[],
    %(interval_seconds)s::integer[], %(failures)s::integer[], %(http_status)s::smallint[], %(error)s::text[],
    %(moved_to)s::text[], %(etag)s::text[], %(last_modified)s::text[], %(body_sha256)s::text[],
    %(keep_validators)s::boolean[], %(tried)s::boolean[], %(succeeded)s::boolean[], %(changed)s::boolean[],
    %(retired)s::boolean[], %(forget_move)s::boolean[], %(identity)s::text[]
) AS u (
    feed_id, claim_token, attempted_at, next_attempt_at, interval_seconds, failures, http_status, error, moved_to, etag,
    last_modified, body_sha256, keep_validators, tried, succeeded, changed, retired, forget_move, identity
)
WHERE s.feed_id = u.feed_id AND s.claim_token = u.claim_token
RETURNING 1
"""

_FORGET_KEYS = "DELETE FROM story_keys WHERE seen_at < %(before)s"

# What a feed showed in its last document stays, however long ago that was: it would come back as new.
_FORGET = """
DELETE FROM inbound_events_raw WHERE event_uid IN (
    SELECT r.event_uid FROM inbound_events_raw r JOIN feed_state f USING (feed_id)
    WHERE r.last_seen_at < %(before)s
        AND (r.last_seen_at < f.last_entries_at - interval '1 day' OR NOT f.listed OR f.retired_at IS NOT NULL)
    ORDER BY r.last_seen_at LIMIT %(limit)s FOR UPDATE OF r SKIP LOCKED
)
"""

_STORY_COLUMNS = (
    "event_uid",
    "feed_id",
    "entry_id",
    "url",
    "title",
    "summary",
    "published_at",
    "seen_at",
    "content_sha256",
    "leader_uid",
    "is_old",
    "link_key",
)
_TEXT_COLUMNS = ("event_uid", "content_sha256", "title", "summary")
_UPDATE_COLUMNS = tuple(FeedUpdate.__dataclass_fields__)


class PostgresFeeds:
    """FeedStore over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_feeds(self, feeds: Sequence[ListedFeed], *, now: datetime) -> None:
        """Make these the configured feeds: new ones are due at once, others rest, a new address starts afresh."""
        wanted = {
            "feed_ids": [each.feed_id for each in feeds],
            "urls": [each.url for each in feeds],
            "intervals": [each.interval_seconds for each in feeds],
            "identities": [each.identity for each in feeds],
            "now": now,
        }
        with self._database.transaction() as connection:
            connection.execute(_LIST, wanted)
            connection.execute(_SETTINGS, wanted)

    def claim_due(self, *, now: datetime, due_by: datetime, claimed_until: datetime, limit: int) -> tuple[DueFeed, ...]:
        """Claim feeds that are due by then and that nobody else holds, longest due first."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                _CLAIM, {"now": now, "due_by": due_by, "claimed_until": claimed_until, "limit": limit}
            ).fetchall()
        return tuple(DueFeed.model_validate(dict(zip(DueFeed.model_fields, row, strict=True))) for row in rows)

    def states(self) -> tuple[FeedState, ...]:
        """The state of every listed feed, by id."""
        with self._database.transaction() as connection, connection.cursor(row_factory=class_row(FeedState)) as cursor:
            cursor.execute(
                """
                SELECT feed_id, url, moved_to, listed, retired_at IS NOT NULL AS retired, failures,
                    last_http_status AS http_status, last_error AS error, last_success_at, last_entries_at,
                    next_attempt_at, coalesce(listed_interval_seconds, interval_seconds) AS interval_seconds,
                    coalesce(identity->>'basis', 'id') AS basis,
                    coalesce(identity->>'reason', '') AS basis_reason, stories, newest_story_at
                FROM feed_state AS feed CROSS JOIN LATERAL (
                    SELECT count(*) AS stories, max(first_seen_at) AS newest_story_at
                    FROM inbound_events_raw AS raw WHERE raw.feed_id = feed.feed_id
                ) AS seen
                WHERE listed ORDER BY feed_id
                """
            )
            return tuple(cursor.fetchall())

    def identities(self, feed_ids: Sequence[str]) -> Mapping[str, FeedIdentity]:
        """What identifies the entries of these feeds; a feed without a readable record starts anew."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT feed_id, identity FROM feed_state WHERE feed_id = ANY (%s)", (list(feed_ids),)
            ).fetchall()
        return {feed_id: _identity(recorded) for feed_id, recorded in rows}

    def store(self, batch: Batch, updates: Sequence[FeedUpdate], *, now: datetime) -> Stored:
        """Events and states, all or none, in one round trip.

        Repeated, nothing happens; a state is written by who holds the claim only.
        """
        with self._database.transaction() as connection:
            with connection.pipeline():
                connection.execute(_LOCK)
                stored = connection.execute(STORE, story_columns(batch))
                texts = connection.execute(_OTHER_TEXTS, {**_columns(batch.other_texts, _TEXT_COLUMNS), "now": now})
                states = connection.execute(_STATES, _columns(updates, _UPDATE_COLUMNS))
                connection.execute(_FORGET_KEYS, {"before": now - timedelta(days=STORY_DAYS)})
            (new, known, versions, linked, requeued) = stored.fetchone() or (0, 0, 0, 0, 0)
            return Stored(new, known, versions + texts.rowcount, linked, states.rowcount, requeued)

    def delete_unseen(self, *, unseen_since: datetime, limit: int) -> int:
        """Delete some of the events that no feed has shown since then, longest unseen first; how many they were."""
        with self._database.transaction() as connection:
            return connection.execute(_FORGET, {"before": unseen_since, "limit": limit}).rowcount


def _identity(recorded: object) -> FeedIdentity:
    try:
        return FeedIdentity.model_validate(recorded)
    except ValidationError:
        return FeedIdentity()


def story_columns(batch: Batch) -> dict[str, Any]:
    """Parameters of STORE: a column each, and the keys of all titles beside the events that they belong to."""
    keys = [(each.event_uid, key) for each in batch.stories for key in each.signature.keys]
    return {
        **_columns(batch.stories, _STORY_COLUMNS),
        "terms": [f"{{{','.join(map(str, each.signature.terms))}}}" for each in batch.stories],
        "key_event_uid": [uid for uid, _ in keys],
        "story_key": [key for _, key in keys],
        "story_window": timedelta(days=STORY_DAYS),
        "candidates": CANDIDATES,
        "alike_within": ALIKE_WITHIN,
        "alike_beside": ALIKE_BESIDE,
        "seen_again": SEEN_AGAIN,
        "reading_gap": READING_GAP,
        "looked_at": SUMMARY_LOOKED_AT,
    }


def _columns(rows: Sequence[object], names: Sequence[str]) -> Mapping[str, list[Any]]:
    return {name: [getattr(row, name) for row in rows] for name in names}
