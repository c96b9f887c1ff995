-- What is expected of costs: forecasts as they were made, envelopes of cost centers, anomalies, and what people were notified of.

CREATE TABLE cost_forecasts (
    known_at timestamptz NOT NULL, -- what the forecast was made from was known then
    metric text NOT NULL CHECK (metric IN ('effective', 'billed')),
    level text NOT NULL CHECK (level IN ('series', 'account', 'cost_center', 'total')),
    account text NOT NULL, -- parts that the level leaves out are empty
    service text NOT NULL,
    cost_center text NOT NULL,
    currency text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL CHECK (last_day >= first_day), -- of a sum of days; the same day for one day
    booked numeric NOT NULL, -- final days among them
    mean numeric NOT NULL, -- with the booked days
    lower_80 numeric NOT NULL,
    upper_80 numeric NOT NULL,
    lower_95 numeric NOT NULL,
    upper_95 numeric NOT NULL,
    naive numeric, -- the same sum by the weekly naive method
    too_small boolean NOT NULL, -- below the floor under which spend is not scored
    method text NOT NULL,
    PRIMARY KEY (known_at, metric, level, account, service, cost_center, currency, first_day, last_day)
);

COMMENT ON TABLE cost_forecasts IS 'Forecasts of days and months as they were made; the scorecard compares them with what came';

CREATE TABLE cost_envelopes (
    cost_center text NOT NULL,
    month date CHECK (extract(day FROM month) = 1), -- NULL: every month without an envelope of its own
    currency text NOT NULL,
    amount numeric NOT NULL CHECK (amount > 0),
    counts_credits boolean NOT NULL DEFAULT false,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL
);

CREATE UNIQUE INDEX cost_envelopes_key ON cost_envelopes (cost_center, coalesce(month, '-infinity'), currency, set_at);

COMMENT ON TABLE cost_envelopes IS 'What cost centers may spend in a month; the newest row of a cost center, month and currency counts';

CREATE TABLE cost_budgets (
    known_at timestamptz NOT NULL,
    cost_center text NOT NULL,
    month date NOT NULL,
    currency text NOT NULL,
    amount numeric NOT NULL,
    spent numeric NOT NULL,
    expected numeric NOT NULL,
    chance_of_exceeding double precision NOT NULL CHECK (chance_of_exceeding BETWEEN 0 AND 1),
    burn_rate_a_day numeric NOT NULL,
    affordable_a_day numeric NOT NULL,
    breach_on date,
    basis text NOT NULL,
    PRIMARY KEY (known_at, cost_center, month, currency)
);

COMMENT ON TABLE cost_budgets IS 'Where each envelope stood at each forecast';

CREATE TABLE cost_anomalies (
    account text NOT NULL,
    service text NOT NULL,
    usage_type text NOT NULL,
    first_day date NOT NULL,
    kind text NOT NULL CHECK (kind IN ('spike', 'level change', 'slow leak')),
    last_day date NOT NULL,
    expected numeric NOT NULL,
    actual numeric NOT NULL,
    ongoing boolean NOT NULL,
    found_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL, -- by the newest run that still finds it
    PRIMARY KEY (account, service, usage_type, first_day)
);

COMMENT ON TABLE cost_anomalies IS 'Anomalies of usage; one row each, updated while it goes on';

CREATE TABLE cost_mutes (
    account text NOT NULL DEFAULT '', -- empty parts match everything
    service text NOT NULL DEFAULT '',
    usage_type text NOT NULL DEFAULT '',
    kind text CHECK (kind IN ('spike', 'level change', 'slow leak')),
    until date NOT NULL,
    set_by text NOT NULL,
    reason text NOT NULL,
    set_at timestamptz NOT NULL
);

COMMENT ON TABLE cost_mutes IS 'Anomalies that people know of and do not want to be notified of';

CREATE TABLE cost_alerts (
    subject text NOT NULL, -- budget/<cost center>/<month>/<currency> or anomaly/<account>/<service>/<usage type>/<first day>
    title text NOT NULL,
    message text NOT NULL,
    known_at timestamptz NOT NULL, -- of the run that raised it
    PRIMARY KEY (subject)
);

COMMENT ON TABLE cost_alerts IS 'What people were notified of, once each';
