-- candidate: baseline
-- summary: keys by date first, batches apart from daily rows, materialized views refreshed after each insert
-- expects: waits on the views while they are refreshed, next to none on the rows of media_storage

CREATE TABLE media_storage (
    utc_date date NOT NULL,
    site_id text NOT NULL,
    media_count bigint NOT NULL DEFAULT 0,
    max_media_count bigint NOT NULL DEFAULT 0,
    bytes_stored bigint NOT NULL DEFAULT 0,
    max_bytes_stored bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (utc_date, site_id)
);

-- Keyed by batch first: a batch that is sent twice is refused, and compaction finds the rows of one together.
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

-- Totals of what is not compacted yet. Refreshed plainly rather than CONCURRENTLY: the views are small and soon written
-- anew, while the difference that CONCURRENTLY computes, by way of a temporary table, takes several times as long.
-- Readers wait for the length of a refresh instead; `concurrent_refresh` makes the other choice.
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
