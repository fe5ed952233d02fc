-- candidate: concurrent_refresh
-- extends: baseline
-- summary: materialized views refreshed CONCURRENTLY: readers do not wait
-- expects: no lock waits for the reader; longer refreshes, which compute and apply a difference

-- CONCURRENTLY lets readers in, not a second refresh: the advisory lock stays, so that each takes its snapshot in turn.

-- name: refresh_cdn_views
SELECT pg_advisory_xact_lock('cdn_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW CONCURRENTLY cdn_open;

-- name: refresh_ping_views
SELECT pg_advisory_xact_lock('ping_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW CONCURRENTLY ping_open;

-- name: compact_cdn
WITH finished AS (
    DELETE FROM cdn_batch WHERE batch_id BETWEEN :first_batch::bigint AND :through_batch::bigint
    RETURNING utc_date, site_id, cdn, bytes_streamed
)
INSERT INTO cdn_daily AS daily (utc_date, site_id, cdn, bytes_streamed)
SELECT utc_date, site_id, cdn, sum(bytes_streamed)::bigint
FROM finished
GROUP BY utc_date, site_id, cdn
ORDER BY utc_date, site_id, cdn
ON CONFLICT (utc_date, site_id, cdn) DO UPDATE SET
    bytes_streamed = daily.bytes_streamed + excluded.bytes_streamed;
SELECT pg_advisory_xact_lock('cdn_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW CONCURRENTLY cdn_open;

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
    plays = daily.plays + excluded.plays,
    ad_impressions = daily.ad_impressions + excluded.ad_impressions;
SELECT pg_advisory_xact_lock('ping_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW CONCURRENTLY ping_open;
