-- What identifies the entries of a feed, decided by what the feed did; and stories linked by their address across feeds.

ALTER TABLE feed_state
    ADD COLUMN identity jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(identity) = 'object'); -- basis, reason, last document

COMMENT ON COLUMN feed_state.identity IS 'Whether ids, links or words identify entries, why, and the names of the last document';

ALTER TABLE inbound_events_raw
    ADD COLUMN link_key bigint; -- hash of the canonical link; NULL for none or one that several stories share

CREATE INDEX inbound_events_raw_by_link ON inbound_events_raw (link_key, first_seen_at) WHERE link_key IS NOT NULL;
