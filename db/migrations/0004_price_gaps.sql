-- Price gaps that look like a split, and what a person found out about each. An unreviewed gap pauses the ticker's signals.

CREATE TABLE price_gaps (
    ticker          text        NOT NULL CHECK (length(ticker) BETWEEN 1 AND 20),
    at              timestamptz NOT NULL, -- start of the first bar after the gap
    before          numeric     NOT NULL CHECK (before > 0), -- USD
    after           numeric     NOT NULL CHECK (after > 0), -- USD
    suspected_ratio text        CHECK (length(suspected_ratio) <= 20), -- new shares for old; NULL: no usual split explains the gap
    found_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (ticker, at)
);

COMMENT ON TABLE price_gaps IS 'Suspicious changes of a price, each once';

CREATE TABLE price_gap_reviews ( -- the newest row of a gap holds
    review_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticker      text        NOT NULL,
    at          timestamptz NOT NULL,
    new_shares  integer     NOT NULL CHECK (new_shares > 0),
    old_shares  integer     NOT NULL CHECK (old_shares > 0), -- 1 for 1: a real move of the price
    actor       text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 400),
    reason      text        NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    reviewed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (ticker, at) REFERENCES price_gaps ON DELETE RESTRICT
);

COMMENT ON TABLE price_gap_reviews IS 'Append-only: who found what about a price gap, and why';

CREATE INDEX price_gap_reviews_newest ON price_gap_reviews (ticker, at, review_id DESC);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON price_gap_reviews
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_history();
ALTER TABLE price_gap_reviews ENABLE ALWAYS TRIGGER append_only;

CREATE VIEW reviewed_price_gaps AS
SELECT gap.*, review.new_shares, review.old_shares, review.actor, review.reason, review.reviewed_at
FROM price_gaps AS gap
LEFT JOIN LATERAL (
    SELECT * FROM price_gap_reviews AS newest
    WHERE newest.ticker = gap.ticker AND newest.at = gap.at ORDER BY review_id DESC LIMIT 1
) AS review ON true;

COMMENT ON VIEW reviewed_price_gaps IS 'Each gap with its latest review; new_shares is NULL while it is unreviewed';

CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');

CREATE FUNCTION split_factor(of_ticker text, since timestamptz) RETURNS numeric
LANGUAGE sql STABLE AS $$
    SELECT trim_scale(product(new_shares) / product(old_shares)) FROM reviewed_price_gaps WHERE ticker = of_ticker AND at > since
$$;

COMMENT ON FUNCTION split_factor IS 'Shares that one share of this instant has become by reviewed splits';
