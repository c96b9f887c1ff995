-- The ledger of decisions and of what became of them. Both tables only ever grow: a wrong entry is answered by a later one.

CREATE TABLE decisions (
    decision_id uuid PRIMARY KEY, -- derives from the decision's natural key: deciding twice gives the same id
    kind        text        NOT NULL CHECK (kind ~ '^[a-z][a-z_]*$' AND length(kind) <= 60),
    subject     text        NOT NULL CHECK (length(subject) BETWEEN 1 AND 400),
    verdict     text        NOT NULL CHECK (verdict IN ('accepted', 'refused')),
    actor       text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 400),
    made_at     timestamptz NOT NULL,
    gates       jsonb       NOT NULL CHECK (jsonb_typeof(gates) = 'array'),
    evidence    jsonb       NOT NULL CHECK (jsonb_typeof(evidence) = 'object'),
    recorded_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE decisions IS 'Append-only: what was decided, on what evidence, by whom';
COMMENT ON COLUMN decisions.made_at IS 'When it was decided; recorded_at says when it arrived here';

CREATE INDEX decisions_by_subject ON decisions (subject, made_at DESC, decision_id); -- the story of one model, instance or trade
CREATE INDEX decisions_by_time ON decisions (made_at DESC, decision_id); -- the latest decisions, page by page

CREATE TABLE decision_outcomes (
    decision_id uuid        NOT NULL REFERENCES decisions ON DELETE RESTRICT ON UPDATE RESTRICT,
    status      text        NOT NULL CHECK (status ~ '^[a-z][a-z_]*$' AND length(status) <= 60),
    observed_at timestamptz NOT NULL,
    details     jsonb       NOT NULL CHECK (jsonb_typeof(details) = 'object'),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (decision_id, status, observed_at) -- the same status may be seen again later, but once at one instant
);

COMMENT ON TABLE decision_outcomes IS 'Append-only: what became of a decision, as often as somebody looked';

CREATE INDEX decision_outcomes_by_time ON decision_outcomes (observed_at DESC, decision_id);

-- Grants keep the application out; these triggers keep out the owner and superusers too, also under
-- session_replication_role = replica (hence ALWAYS). For each statement: refused even when no row would match.
CREATE FUNCTION refuse_to_rewrite_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the ledger is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_history();
ALTER TABLE decisions ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decision_outcomes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_history();
ALTER TABLE decision_outcomes ENABLE ALWAYS TRIGGER append_only;
