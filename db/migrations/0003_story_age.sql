-- The age of a story: its publication date; else, for an entry that was new since the feed's last reading, its arrival;
-- else unknown. An entry of unknown age has no weight in signals.

ALTER TABLE inbound_events_raw
    ADD COLUMN new_since_reading boolean NOT NULL DEFAULT false, -- undated, but absent from a reading shortly before
    ADD COLUMN dated_at timestamptz GENERATED ALWAYS AS (
        coalesce(published_at, CASE WHEN new_since_reading THEN first_seen_at END)
    ) STORED;

COMMENT ON COLUMN inbound_events_raw.dated_at IS 'The instant from which the age counts; NULL: the age is unknown';
