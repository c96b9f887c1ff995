-- The stage of an incident that people were notified of, under a name that says so. Values and rows stay.

ALTER TABLE incidents RENAME COLUMN told TO notified_stage;
ALTER INDEX incidents_untold RENAME TO incidents_unnotified;

COMMENT ON COLUMN incidents.notified_stage IS 'Stage of the last alert that was sent; NULL: none was sent';
