-- candidate: storage_rank_index
-- extends: baseline
-- summary: an index on (utc_date, bytes_stored) for the top sites of a day
-- expects: read_top_sites many times faster; no bytes_stored update is HOT any more: slower events, more WAL

-- Serves ORDER BY bytes_stored DESC, site_id LIMIT 10. It indexes what each second event changes.
CREATE INDEX media_storage_rank ON media_storage (utc_date, bytes_stored DESC, site_id);
