-- What the application's role may do: the whole truth, stated anew after every run of the migrator in one transaction.
-- Repeated rather than versioned, so that a role that was made anew (a restore into another server) has its rights again.
-- The role's name is the migrator's parameter; it arrives in the setting bellwether.application_role.

REVOKE CREATE ON SCHEMA public FROM PUBLIC; -- a database made before PostgreSQL 15 lets everyone create there

DO $grants$
DECLARE
    role text := current_setting('bellwether.application_role');
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
    EXECUTE format('REVOKE ALL ON SCHEMA public FROM %I', role);
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role);

    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', role);
    EXECUTE format('GRANT SELECT ON schema_migrations TO %I', role);
    EXECUTE format('GRANT SELECT, INSERT ON decisions, decision_outcomes, dispatch_controls, price_gaps, price_gap_reviews TO %I', role);
    EXECUTE format('GRANT SELECT ON reviewed_price_gaps TO %I', role);
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE ON
            feed_state, inbound_events_raw, inbound_events_classified, lane_telemetry, telemetry_coverage,
            dispatch_recommendations, dispatch_executions, incidents
        TO %I', role
    );
    EXECUTE format('GRANT SELECT, INSERT ON inbound_event_versions, story_keys TO %I', role);
    EXECUTE format('GRANT SELECT, INSERT ON cost_deliveries, cost_charges, cost_reconciliations, cost_quarantine TO %I', role);
    EXECUTE format('GRANT SELECT, INSERT ON cost_forecasts, cost_envelopes, cost_budgets, cost_mutes, cost_alerts TO %I', role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON cost_anomalies TO %I', role);
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), role); -- a delivery's staging table
    -- retention deletes these; what belongs to a story goes with it
    EXECUTE format('GRANT DELETE ON inbound_events_raw, story_keys, lane_telemetry, telemetry_coverage, incidents TO %I', role);
END
$grants$;
