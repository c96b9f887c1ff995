-- The tone of a story for each company that it mentions: {"MU": {"label": "positive", "scores": {…}}}. A company without
-- an entry has the tone of the whole story, as had all before.

ALTER TABLE inbound_events_classified
    ADD COLUMN tones jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(tones) = 'object');

COMMENT ON COLUMN inbound_events_classified.tones IS 'Label and scores by ticker, where they differ by company';
