-- Cost data: daily charges as known at a time, the deliveries that they came with, their totals, and rejected line items.

CREATE TABLE cost_deliveries (
    delivery_id text PRIMARY KEY,
    export text NOT NULL,
    layout text NOT NULL,
    period date NOT NULL CHECK (extract(day FROM period) = 1), -- first day of the billing period
    manifest_key text NOT NULL,
    known_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('loaded', 'quarantined')),
    reason text NOT NULL DEFAULT '', -- of the quarantine
    files integer NOT NULL,
    bytes bigint NOT NULL,
    scanned_bytes bigint NOT NULL DEFAULT 0,
    line_items bigint NOT NULL DEFAULT 0,
    not_invoiced bigint NOT NULL DEFAULT 0, -- line items without an invoice id
    findings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(findings) = 'object'),
    stored_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX cost_deliveries_by_period ON cost_deliveries (period, known_at DESC) WHERE status = 'loaded';

COMMENT ON TABLE cost_deliveries IS 'Each delivery of a billing period by a cost export, also those that were refused';

CREATE TABLE cost_charges ( -- bitemporal: a changed aggregate is a new row, a vanished one a row of zeros
    day date NOT NULL, -- UTC; of a correction the day that it corrects
    account text NOT NULL,
    service text NOT NULL,
    usage_type text NOT NULL,
    region text NOT NULL,
    cost_center text NOT NULL, -- empty for untagged spend
    category text NOT NULL CHECK (category IN ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment', 'Refund')),
    correction boolean NOT NULL,
    currency text NOT NULL,
    period date NOT NULL, -- billing period whose delivery holds it
    known_at timestamptz NOT NULL,
    billed numeric NOT NULL,
    effective numeric NOT NULL,
    listed numeric,
    line_items bigint NOT NULL,
    delivery_id text NOT NULL REFERENCES cost_deliveries,
    PRIMARY KEY (day, account, service, usage_type, region, cost_center, category, correction, currency, period, known_at)
);

CREATE INDEX cost_charges_by_period ON cost_charges (period);

COMMENT ON TABLE cost_charges IS 'Daily aggregates; what was known at a time is the newest row of each key and period until then';

CREATE TABLE cost_reconciliations (
    delivery_id text NOT NULL REFERENCES cost_deliveries,
    currency text NOT NULL,
    line_items bigint NOT NULL,
    billed numeric NOT NULL,
    effective numeric NOT NULL,
    listed numeric NOT NULL,
    by_category jsonb NOT NULL CHECK (jsonb_typeof(by_category) = 'object'),
    exported numeric NOT NULL, -- what the files' accepted lines add up to
    expected numeric, -- by the invoice or by Cost Explorer, where given
    difference numeric NOT NULL,
    agrees boolean NOT NULL,
    PRIMARY KEY (delivery_id, currency)
);

CREATE TABLE cost_quarantine (
    delivery_id text NOT NULL REFERENCES cost_deliveries,
    number integer NOT NULL,
    file text NOT NULL,
    line integer, -- counted from 1; NULL in Parquet and where it was not looked for
    reason text NOT NULL,
    reference text NOT NULL,
    amount numeric NOT NULL,
    currency text NOT NULL,
    PRIMARY KEY (delivery_id, number)
);
