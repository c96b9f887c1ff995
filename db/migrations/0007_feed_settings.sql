-- The interval that the feed list sets for a feed, instead of the publisher's.

ALTER TABLE feed_state
    ADD COLUMN listed_interval_seconds integer CHECK (listed_interval_seconds > 0);

COMMENT ON COLUMN feed_state.listed_interval_seconds IS 'Polling interval set in the feed list; NULL: as the publisher asks';
