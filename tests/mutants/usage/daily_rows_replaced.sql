-- candidate: daily_rows_replaced
-- mutant of: baseline
-- summary: compaction replaces what was compacted before rather than adding to it
-- name: compact_ping
WITH finished AS (
    DELETE FROM ping_batch WHERE batch_id BETWEEN :first_batch::bigint AND :through_batch::bigint
    RETURNING utc_date, analytics_id, plays, ad_impressions
)
INSERT INTO ping_daily AS daily (utc_date, analytics_id, plays, ad_impressions)
SELECT utc_date, analytics_id, sum(plays)::bigint, sum(ad_impressions)::bigint
FROM finished
GROUP BY utc_date, analytics_id
ORDER BY utc_date, analytics_id
ON CONFLICT (utc_date, analytics_id) DO UPDATE SET
    plays = excluded.plays,
    ad_impressions = excluded.ad_impressions;
SELECT pg_advisory_xact_lock('ping_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW ping_open;
