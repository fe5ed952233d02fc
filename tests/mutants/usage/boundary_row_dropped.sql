-- candidate: boundary_row_dropped
-- mutant of: baseline
-- summary: compaction deletes its last batch without adding it to the daily rows
-- name: compact_cdn
WITH finished AS (
    DELETE FROM cdn_batch WHERE batch_id BETWEEN :first_batch::bigint AND :through_batch::bigint
    RETURNING batch_id, utc_date, site_id, cdn, bytes_streamed
)
INSERT INTO cdn_daily AS daily (utc_date, site_id, cdn, bytes_streamed)
SELECT utc_date, site_id, cdn, sum(bytes_streamed)::bigint
FROM finished
WHERE batch_id < :through_batch::bigint
GROUP BY utc_date, site_id, cdn
ORDER BY utc_date, site_id, cdn
ON CONFLICT (utc_date, site_id, cdn) DO UPDATE SET
    bytes_streamed = daily.bytes_streamed + excluded.bytes_streamed;
SELECT pg_advisory_xact_lock('cdn_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW cdn_open;
