-- candidate: concurrent_refresh
-- summary: materialized views refreshed CONCURRENTLY: readers do not wait
-- expects: no lock waits for the reader; longer refreshes, which compute and apply a difference

CREATE TABLE media_storage (
    utc_date date NOT NULL,
    site_id text NOT NULL,
    media_count bigint NOT NULL DEFAULT 0,
    max_media_count bigint NOT NULL DEFAULT 0,
    bytes_stored bigint NOT NULL DEFAULT 0,
    max_bytes_stored bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (utc_date, site_id)
);

-- Keyed by batch first: a batch that is sent twice is refused, and compaction finds finished batches at one end.
CREATE TABLE cdn_batch (
    batch_id bigint NOT NULL,
    utc_date date NOT NULL,
    site_id text NOT NULL,
    cdn text NOT NULL,
    bytes_streamed bigint NOT NULL,
    PRIMARY KEY (batch_id, utc_date, site_id, cdn)
);

CREATE TABLE ping_batch (
    batch_id bigint NOT NULL,
    utc_date date NOT NULL,
    analytics_id text NOT NULL,
    plays bigint NOT NULL,
    ad_impressions bigint NOT NULL,
    PRIMARY KEY (batch_id, utc_date, analytics_id)
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

-- Totals of what is not compacted yet.
CREATE MATERIALIZED VIEW cdn_open AS
SELECT utc_date, site_id, cdn, sum(bytes_streamed)::bigint AS bytes_streamed
FROM cdn_batch
GROUP BY utc_date, site_id, cdn;
CREATE UNIQUE INDEX cdn_open_key ON cdn_open (utc_date, site_id, cdn);

CREATE MATERIALIZED VIEW ping_open AS
SELECT utc_date, analytics_id, sum(plays)::bigint AS plays, sum(ad_impressions)::bigint AS ad_impressions
FROM ping_batch
GROUP BY utc_date, analytics_id;
CREATE UNIQUE INDEX ping_open_key ON ping_open (utc_date, analytics_id);

-- CONCURRENTLY lets readers in, not a second refresh: the advisory lock stays, so that each takes its snapshot in turn.

-- name: refresh_cdn_views
SELECT pg_advisory_xact_lock('cdn_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW CONCURRENTLY cdn_open;

-- name: refresh_ping_views
SELECT pg_advisory_xact_lock('ping_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW CONCURRENTLY ping_open;

-- name: compact_cdn
WITH finished AS (
    DELETE FROM cdn_batch WHERE batch_id <= :through_batch::bigint
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
    DELETE FROM ping_batch WHERE batch_id <= :through_batch::bigint
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
