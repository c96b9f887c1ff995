-- News to signals to dispatch: feeds, stories and their labels, market bars, recommendations and what was sent of them.
-- Work is claimed by lease: claim_token says by whom, claimed_until until when; a lease that ran out belongs to nobody.

-- --- feeds ----------------------------------------------------------------------------------------------------------

CREATE TABLE feed_state (
    feed_id          text        PRIMARY KEY CHECK (feed_id ~ '^[a-z0-9][a-z0-9-]{0,59}$'),
    url              text        NOT NULL CHECK (length(url) BETWEEN 1 AND 2000), -- as configured
    moved_to         text        CHECK (length(moved_to) BETWEEN 1 AND 2000), -- where permanent redirects led
    listed           boolean     NOT NULL DEFAULT true, -- false: no longer configured; its stories stay
    interval_seconds integer     NOT NULL DEFAULT 60 CHECK (interval_seconds > 0), -- between attempts while all is well
    etag             text        CHECK (length(etag) <= 1000),
    last_modified    text        CHECK (length(last_modified) <= 200), -- the server's own text, sent back letter by letter
    body_sha256      text,
    next_attempt_at  timestamptz NOT NULL DEFAULT now(),
    claimed_until    timestamptz,
    claim_token      uuid,
    failures         integer     NOT NULL DEFAULT 0 CHECK (failures >= 0), -- in a row
    last_http_status smallint,
    last_error       text,
    last_attempt_at  timestamptz,
    last_success_at  timestamptz, -- also of an answer "not modified"
    last_entries_at  timestamptz, -- when there last was a document
    retired_at       timestamptz, -- the server said 410; a new url in the configuration brings the feed back
    added_at         timestamptz NOT NULL DEFAULT now(),
    CHECK ((claimed_until IS NULL) = (claim_token IS NULL))
);

COMMENT ON TABLE feed_state IS 'One row a feed: what to send it next time, and when';

CREATE INDEX feed_state_due ON feed_state (next_attempt_at) WHERE listed AND retired_at IS NULL;

-- --- stories --------------------------------------------------------------------------------------------------------

CREATE TABLE inbound_events_raw (
    event_uid        text        PRIMARY KEY CHECK (event_uid ~ '^[0-9a-f]{32}$'), -- derives from feed and entry
    feed_id          text        NOT NULL REFERENCES feed_state ON DELETE RESTRICT,
    entry_id         text        NOT NULL, -- what the entry is known by in its feed: its id, its link, or its words
    url              text,
    title            text        NOT NULL,
    summary          text        NOT NULL, -- text, never HTML
    published_at     timestamptz, -- what the feed says; first_seen_at is what is known
    first_seen_at    timestamptz NOT NULL DEFAULT now(),
    last_seen_at     timestamptz NOT NULL DEFAULT now(), -- written a few times a day only
    content_sha256   text        NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'), -- of title and summary
    content_seen_at  timestamptz NOT NULL DEFAULT now(), -- since when this is the text
    story_uid        text        NOT NULL, -- event_uid of the first telling of the same story, in whichever feed
    title_terms      integer[]   NOT NULL DEFAULT '{}', -- hashes of the title's words: how alike are two titles?
    processed_at     timestamptz, -- when it was classified
    claimed_until    timestamptz,
    claim_token      uuid,
    attempts         integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    set_aside_at     timestamptz,
    set_aside_reason text,
    CHECK ((claimed_until IS NULL) = (claim_token IS NULL)),
    CHECK ((set_aside_at IS NULL) = (set_aside_reason IS NULL))
) WITH (fillfactor = 85); -- claims and labels are written in place

COMMENT ON TABLE inbound_events_raw IS 'Each entry of each feed once, with its present text';

CREATE INDEX inbound_events_raw_waiting ON inbound_events_raw (first_seen_at, event_uid)
    WHERE processed_at IS NULL AND set_aside_at IS NULL; -- claims, backlog and its age
CREATE INDEX inbound_events_raw_claimed ON inbound_events_raw (claim_token) WHERE claim_token IS NOT NULL;
CREATE INDEX inbound_events_raw_set_aside ON inbound_events_raw (set_aside_at) WHERE set_aside_at IS NOT NULL;
CREATE INDEX inbound_events_raw_seen ON inbound_events_raw (first_seen_at DESC); -- the newest
CREATE INDEX inbound_events_raw_unseen ON inbound_events_raw (last_seen_at); -- retention: what no feed shows any more
CREATE INDEX inbound_events_raw_by_story ON inbound_events_raw (story_uid);
CREATE INDEX inbound_events_raw_by_feed ON inbound_events_raw (feed_id, first_seen_at DESC);

CREATE TABLE inbound_event_versions (
    event_uid      text        NOT NULL REFERENCES inbound_events_raw ON DELETE CASCADE,
    content_sha256 text        NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    title          text        NOT NULL,
    summary        text        NOT NULL,
    seen_at        timestamptz NOT NULL, -- when this text was first seen
    PRIMARY KEY (event_uid, content_sha256)
);

COMMENT ON TABLE inbound_event_versions IS 'Texts that an edited entry had before, or has elsewhere in its feed';

CREATE TABLE story_keys ( -- blocking keys of recent titles; kept for some days only
    story_key bigint      NOT NULL,
    seen_at   timestamptz NOT NULL,
    event_uid text        NOT NULL, -- no foreign key: a key without its story links nothing
    PRIMARY KEY (story_key, seen_at, event_uid)
);

COMMENT ON TABLE story_keys IS 'Where to look for another telling of the same story';

CREATE INDEX story_keys_by_age ON story_keys (seen_at);

CREATE TABLE inbound_events_classified (
    event_uid     text        PRIMARY KEY REFERENCES inbound_events_raw ON DELETE CASCADE,
    label         text        NOT NULL CHECK (label IN ('positive', 'neutral', 'negative')),
    scores        jsonb       NOT NULL CHECK (jsonb_typeof(scores) = 'object'), -- probability of each label
    model_version text        NOT NULL CHECK (length(model_version) BETWEEN 1 AND 200),
    tickers       text[]      NOT NULL DEFAULT '{}',
    classified_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE inbound_events_classified IS 'What a model said of a story, and of which companies it speaks';

CREATE INDEX inbound_events_classified_by_time ON inbound_events_classified (classified_at DESC); -- the signals' window
CREATE INDEX inbound_events_classified_by_ticker ON inbound_events_classified USING gin (tickers);

-- --- market ---------------------------------------------------------------------------------------------------------

CREATE TABLE lane_telemetry (
    ticker        text        NOT NULL CHECK (length(ticker) BETWEEN 1 AND 20),
    ts            timestamptz NOT NULL, -- the bar's START
    timeframe     text        NOT NULL DEFAULT '5Min' CHECK (timeframe ~ '^[0-9]{1,2}(Min|Hour|Day)$'),
    open          numeric     NOT NULL CHECK (open > 0),
    high          numeric     NOT NULL,
    low           numeric     NOT NULL CHECK (low > 0),
    close         numeric     NOT NULL CHECK (close > 0),
    volume        bigint      NOT NULL CHECK (volume >= 0),
    source        text        NOT NULL CHECK (length(source) BETWEEN 1 AND 60),
    received_at   timestamptz NOT NULL DEFAULT now(),
    revised_count integer     NOT NULL DEFAULT 0 CHECK (revised_count >= 0), -- how often the source corrected it
    PRIMARY KEY (ticker, ts, timeframe),
    CHECK (high >= open AND high >= close AND low <= open AND low <= close)
);

COMMENT ON TABLE lane_telemetry IS 'Bars of the market, one a ticker, start and timeframe';

CREATE INDEX lane_telemetry_by_time ON lane_telemetry (ts DESC, timeframe); -- freshness, retention, all tickers' window

CREATE TABLE telemetry_coverage (
    ticker        text        NOT NULL CHECK (length(ticker) BETWEEN 1 AND 20),
    timeframe     text        NOT NULL DEFAULT '5Min',
    session_day   date        NOT NULL, -- the exchange's trading day
    checked_until timestamptz NOT NULL, -- the source was asked for every bar of the session before this instant
    settled       boolean     NOT NULL DEFAULT false, -- asked for the whole session well after its close: what lacks, lacks
    checked_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_day, ticker, timeframe)
) WITH (fillfactor = 70); -- written every five minutes, in place

COMMENT ON TABLE telemetry_coverage IS 'Which bars were asked for: tells a bar that is missing from one that never was (no trade)';

-- --- dispatch -------------------------------------------------------------------------------------------------------

CREATE TABLE dispatch_recommendations (
    recommendation_id uuid        PRIMARY KEY, -- derives from ticker, rule version and the bar that it stands on
    ticker            text        NOT NULL CHECK (length(ticker) BETWEEN 1 AND 20),
    side              text        NOT NULL CHECK (side IN ('BUY', 'SELL')),
    status            text        NOT NULL DEFAULT 'PENDING'
        CHECK (status IN ('PENDING', 'CLAIMED', 'EXECUTED', 'REFUSED', 'FAILED', 'EXPIRED')),
    quantity          numeric     NOT NULL CHECK (quantity > 0),
    reference_price   numeric     NOT NULL CHECK (reference_price > 0), -- USD
    rule_version      text        NOT NULL CHECK (length(rule_version) BETWEEN 1 AND 100),
    evidence          jsonb       NOT NULL CHECK (jsonb_typeof(evidence) = 'object'), -- event uids, bars, figures
    made_at           timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL CHECK (expires_at > made_at),
    claimed_until     timestamptz,
    claim_token       uuid,
    attempts          integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    decision_id       uuid        REFERENCES decisions ON DELETE RESTRICT, -- the gates' verdict
    status_reason     text,
    status_changed_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((claimed_until IS NULL) = (claim_token IS NULL)),
    CHECK ((status = 'CLAIMED') = (claim_token IS NOT NULL))
);

COMMENT ON TABLE dispatch_recommendations IS 'What the rule would do, and how far that got';

CREATE INDEX dispatch_recommendations_open ON dispatch_recommendations (made_at, recommendation_id)
    WHERE status IN ('PENDING', 'CLAIMED'); -- claims, lost claims, backlog
CREATE INDEX dispatch_recommendations_by_ticker ON dispatch_recommendations (ticker, made_at DESC); -- cooldown
CREATE INDEX dispatch_recommendations_by_time ON dispatch_recommendations (made_at DESC);
CREATE INDEX dispatch_recommendations_by_status ON dispatch_recommendations (status, status_changed_at DESC)
    WHERE status IN ('EXECUTED', 'FAILED'); -- a day's trades, the error kill switch

CREATE TABLE dispatch_executions (
    recommendation_id uuid        PRIMARY KEY REFERENCES dispatch_recommendations ON DELETE RESTRICT,
    client_order_id   text        NOT NULL UNIQUE CHECK (length(client_order_id) BETWEEN 1 AND 128),
    broker            text        NOT NULL CHECK (length(broker) BETWEEN 1 AND 60),
    broker_order_id   text,
    ticker            text        NOT NULL CHECK (length(ticker) BETWEEN 1 AND 20),
    side              text        NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity          numeric     NOT NULL CHECK (quantity > 0), -- ordered
    order_terms       jsonb       NOT NULL CHECK (jsonb_typeof(order_terms) = 'object'), -- the same however often it is handed out
    status            text        NOT NULL CHECK (status IN ('APPROVED', 'SENT', 'FILLED', 'REJECTED', 'UNFILLED', 'UNSENT')),
    approved_at       timestamptz NOT NULL, -- when the gates let it through: from here on it counts against the limits
    sent_at           timestamptz,
    settled_at        timestamptz,
    filled_quantity   numeric     NOT NULL DEFAULT 0 CHECK (filled_quantity >= 0),
    fill_price        numeric     CHECK (fill_price > 0), -- USD, mean over the parts
    fees              numeric     NOT NULL DEFAULT 0, -- USD
    failures          integer     NOT NULL DEFAULT 0 CHECK (failures >= 0), -- times that its fate stayed unclear
    last_error        text,
    last_error_at     timestamptz,
    details           jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object'),
    CHECK (filled_quantity = 0 OR fill_price IS NOT NULL),
    CHECK ((status IN ('APPROVED', 'SENT')) = (settled_at IS NULL))
);

COMMENT ON TABLE dispatch_executions IS 'What a broker made of a recommendation: one row each, whatever happened on the way';

CREATE INDEX dispatch_executions_unsettled ON dispatch_executions (approved_at) WHERE settled_at IS NULL;
CREATE INDEX dispatch_executions_by_time ON dispatch_executions (approved_at DESC); -- a day's trades and loss
CREATE INDEX dispatch_executions_by_ticker ON dispatch_executions (ticker, approved_at); -- positions
CREATE INDEX dispatch_executions_in_trouble ON dispatch_executions (last_error_at) WHERE last_error_at IS NOT NULL; -- error kill switch

CREATE TABLE dispatch_controls ( -- the newest row holds
    control_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT now(),
    actor      text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 400),
    halted     boolean     NOT NULL,
    reason     text        NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000)
);

COMMENT ON TABLE dispatch_controls IS 'Append-only: who stopped and resumed dispatching, and why';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dispatch_controls
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_history();
ALTER TABLE dispatch_controls ENABLE ALWAYS TRIGGER append_only;

-- --- watch ----------------------------------------------------------------------------------------------------------

CREATE TABLE incidents (
    incident_key text        NOT NULL CHECK (length(incident_key) BETWEEN 1 AND 200),
    opened_at    timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    escalated_at timestamptz,
    closed_at    timestamptz,
    told         text        CHECK (told IN ('opened', 'escalated', 'closed')), -- the latest that people were told of it
    details      jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object'),
    PRIMARY KEY (incident_key, opened_at)
);

COMMENT ON TABLE incidents IS 'What the watchdog found wrong, from its first sight to the all-clear';

CREATE UNIQUE INDEX incidents_open ON incidents (incident_key) WHERE closed_at IS NULL; -- one at a time of each kind
CREATE INDEX incidents_by_time ON incidents (opened_at DESC);
CREATE INDEX incidents_untold ON incidents (incident_key) WHERE told IS DISTINCT FROM 'closed';
