-- candidate: plain_views
-- extends: baseline
-- summary: ordinary views over the batches, with an index for what is read, instead of materialized ones
-- expects: the aggregations several times faster; reads by site or analytics id hardly slower, as few batch
--   rows belong to one

DROP MATERIALIZED VIEW cdn_open, ping_open;

-- Totals of what is not compacted yet, computed when they are read.
CREATE INDEX cdn_batch_site ON cdn_batch (site_id, utc_date);
CREATE INDEX ping_batch_analytics ON ping_batch (analytics_id, utc_date);

CREATE VIEW cdn_open AS
SELECT utc_date, site_id, cdn, sum(bytes_streamed)::bigint AS bytes_streamed
FROM cdn_batch
GROUP BY utc_date, site_id, cdn;

CREATE VIEW ping_open AS
SELECT utc_date, analytics_id, sum(plays)::bigint AS plays, sum(ad_impressions)::bigint AS ad_impressions
FROM ping_batch
GROUP BY utc_date, analytics_id;

-- Nothing to refresh.

-- name: refresh_cdn_views
SELECT WHERE false;

-- name: refresh_ping_views
SELECT WHERE false;

-- Compaction needs no refresh at its end: a view is never behind.

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
