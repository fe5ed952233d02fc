-- candidate: fillfactor_70
-- summary: media_storage with fillfactor 70, room on each page for the next version of a row
-- expects: a few more HOT updates after a change of the date; no difference once pages hold dead versions to reuse

CREATE TABLE media_storage (
    utc_date date NOT NULL,
    site_id text NOT NULL,
    media_count bigint NOT NULL DEFAULT 0,
    max_media_count bigint NOT NULL DEFAULT 0,
    bytes_stored bigint NOT NULL DEFAULT 0,
    max_bytes_stored bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (utc_date, site_id)
) WITH (fillfactor = 70);

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
