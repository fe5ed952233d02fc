-- candidate: straight_to_daily
-- summary: each batch added to the daily rows at once: no batch tables, views or compaction
-- expects: the aggregations several times faster and the least WAL; daily rows updated in every run become the
--   hot ones
--
-- The price is not speed: without batch rows a batch that is sent twice is counted twice, and a run that went wrong
-- cannot be taken back.

CREATE TABLE media_storage (
    utc_date date NOT NULL,
    site_id text NOT NULL,
    media_count bigint NOT NULL DEFAULT 0,
    max_media_count bigint NOT NULL DEFAULT 0,
    bytes_stored bigint NOT NULL DEFAULT 0,
    max_bytes_stored bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (utc_date, site_id)
);

CREATE TABLE cdn_daily (
    utc_date date NOT NULL,
    site_id text NOT NULL,
    cdn text NOT NULL,
    bytes_streamed bigint NOT NULL,
    PRIMARY KEY (utc_date, site_id, cdn)
);

CREATE TABLE ping_daily (
    utc_date date NOT NULL,
    analytics_id text NOT NULL,
    plays bigint NOT NULL,
    ad_impressions bigint NOT NULL,
    PRIMARY KEY (utc_date, analytics_id)
);

-- name: insert_cdn
INSERT INTO cdn_daily AS daily (utc_date, site_id, cdn, bytes_streamed)
SELECT :utc_date::date, site_id, cdn, bytes_streamed
FROM unnest(:site_ids::text[], :cdns::text[], :bytes_streamed::bigint[])
    AS new (site_id, cdn, bytes_streamed)
ORDER BY site_id, cdn
ON CONFLICT (utc_date, site_id, cdn) DO UPDATE SET
    bytes_streamed = daily.bytes_streamed + excluded.bytes_streamed;

-- name: insert_ping
INSERT INTO ping_daily AS daily (utc_date, analytics_id, plays, ad_impressions)
SELECT :utc_date::date, analytics_id, plays, ad_impressions
FROM unnest(:analytics_ids::text[], :plays::bigint[], :ad_impressions::bigint[])
    AS new (analytics_id, plays, ad_impressions)
ORDER BY analytics_id
ON CONFLICT (utc_date, analytics_id) DO UPDATE SET
    plays = daily.plays + excluded.plays,
    ad_impressions = daily.ad_impressions + excluded.ad_impressions;

-- Nothing to refresh.

-- name: refresh_cdn_views
SELECT WHERE false;

-- name: refresh_ping_views
SELECT WHERE false;

-- Nothing to compact.

-- name: compact_cdn
SELECT WHERE false;

-- name: compact_ping
SELECT WHERE false;

-- Daily rows are all there is to read.

-- name: read_site_month
SELECT utc_date, media_count, max_media_count, bytes_stored, max_bytes_stored, bytes_streamed
FROM (
    SELECT utc_date, media_count, max_media_count, bytes_stored, max_bytes_stored
    FROM media_storage
    WHERE site_id = :site_id::text AND utc_date BETWEEN :first_date::date AND :last_date::date
) AS storage
FULL JOIN (
    SELECT utc_date, sum(bytes_streamed)::bigint AS bytes_streamed
    FROM cdn_daily
    WHERE site_id = :site_id::text AND utc_date BETWEEN :first_date::date AND :last_date::date
    GROUP BY utc_date
) AS streaming USING (utc_date)
ORDER BY utc_date;

-- name: read_top_sites
SELECT top.site_id, top.bytes_stored, top.media_count, coalesce(streaming.bytes_streamed, 0) AS bytes_streamed
FROM (
    SELECT site_id, bytes_stored, media_count
    FROM media_storage
    WHERE utc_date = :utc_date::date
    ORDER BY bytes_stored DESC, site_id
    LIMIT 10
) AS top
LEFT JOIN LATERAL (
    SELECT sum(bytes_streamed)::bigint AS bytes_streamed
    FROM cdn_daily
    WHERE utc_date = :utc_date::date AND site_id = top.site_id
) AS streaming ON true
ORDER BY top.bytes_stored DESC, top.site_id;

-- name: read_analytics_month
SELECT utc_date, plays, ad_impressions
FROM ping_daily
WHERE analytics_id = :analytics_id::text AND utc_date BETWEEN :first_date::date AND :last_date::date
ORDER BY utc_date;

-- name: state_cdn
SELECT utc_date, site_id, cdn, bytes_streamed FROM cdn_daily
ORDER BY utc_date, site_id COLLATE "C", cdn COLLATE "C";

-- name: state_ping
SELECT utc_date, analytics_id, plays, ad_impressions FROM ping_daily
ORDER BY utc_date, analytics_id COLLATE "C";

-- name: cdn_below_zero
SELECT utc_date, site_id, cdn, bytes_streamed FROM cdn_daily WHERE bytes_streamed < 0;

-- name: ping_below_zero_or_more_ads_than_plays
SELECT utc_date, analytics_id, plays, ad_impressions FROM ping_daily
WHERE ad_impressions < 0 OR ad_impressions > plays;

-- Reads are served from the daily rows themselves.

-- name: cdn_served_differs_from_batches
SELECT WHERE false;

-- name: ping_served_differs_from_batches
SELECT WHERE false;
