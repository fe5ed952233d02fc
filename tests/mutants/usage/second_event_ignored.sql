-- candidate: second_event_ignored
-- mutant of: baseline
-- summary: bytes_stored is lost where media_count came first
-- name: upsert_bytes_stored
INSERT INTO media_storage AS stored (utc_date, site_id, bytes_stored, max_bytes_stored)
VALUES (:utc_date::date, :site_id::text, :bytes_stored::bigint, :bytes_stored::bigint)
ON CONFLICT (utc_date, site_id) DO NOTHING;
