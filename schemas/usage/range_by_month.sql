-- candidate: range_by_month
-- summary: media_storage and the daily tables range-partitioned by date, a partition a month
-- expects: no gain while writers run, for the hot day is one partition; reads lock more relations; old months
--   drop at once

CREATE TABLE media_storage (
    utc_date date NOT NULL,
    site_id text NOT NULL,
    media_count bigint NOT NULL DEFAULT 0,
    max_media_count bigint NOT NULL DEFAULT 0,
    bytes_stored bigint NOT NULL DEFAULT 0,
    max_bytes_stored bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (utc_date, site_id)
) PARTITION BY RANGE (utc_date);

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
) PARTITION BY RANGE (utc_date);

CREATE TABLE ping_daily (
    utc_date date NOT NULL,
    analytics_id text NOT NULL,
    plays bigint NOT NULL,
    ad_impressions bigint NOT NULL,
    PRIMARY KEY (utc_date, analytics_id)
) PARTITION BY RANGE (utc_date);

-- A partition for each month of 2026, one for each year before, when there was less of everything, and a default so
-- that no date is ever refused.
DO $$
DECLARE
    parent text;
    first_date date;
    next_date date;
BEGIN
    FOREACH parent IN ARRAY ARRAY['media_storage', 'cdn_daily', 'ping_daily'] LOOP
        EXECUTE format('CREATE TABLE %s_default PARTITION OF %s DEFAULT', parent, parent);
        first_date := '2015-01-01';
        WHILE first_date < '2027-01-01' LOOP
            next_date := first_date
                + CASE WHEN first_date < '2026-01-01' THEN interval '1 year' ELSE interval '1 month' END;
            EXECUTE format(
                'CREATE TABLE %s_%s PARTITION OF %s FOR VALUES FROM (%L) TO (%L)',
                parent, to_char(first_date, 'YYYYMM'), parent, first_date, next_date
            );
            first_date := next_date;
        END LOOP;
    END LOOP;
END
$$;

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
