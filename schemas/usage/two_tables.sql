-- candidate: two_tables
-- summary: media_storage split in two tables, one for each event
-- expects: no lock waits between the two events of a site; about the same throughput, for twice the rows in the
--   first event of a day

CREATE TABLE media_counts (
    utc_date date NOT NULL,
    site_id text NOT NULL,
    media_count bigint NOT NULL,
    max_media_count bigint NOT NULL,
    PRIMARY KEY (utc_date, site_id)
);

CREATE TABLE storage_bytes (
    utc_date date NOT NULL,
    site_id text NOT NULL,
    bytes_stored bigint NOT NULL,
    max_bytes_stored bigint NOT NULL,
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

-- name: upsert_media_count
INSERT INTO media_counts AS stored (utc_date, site_id, media_count, max_media_count)
VALUES (:utc_date::date, :site_id::text, :media_count::bigint, :media_count::bigint)
ON CONFLICT (utc_date, site_id) DO UPDATE SET
    media_count = excluded.media_count,
    max_media_count = greatest(stored.max_media_count, excluded.media_count);

-- name: upsert_bytes_stored
INSERT INTO storage_bytes AS stored (utc_date, site_id, bytes_stored, max_bytes_stored)
VALUES (:utc_date::date, :site_id::text, :bytes_stored::bigint, :bytes_stored::bigint)
ON CONFLICT (utc_date, site_id) DO UPDATE SET
    bytes_stored = excluded.bytes_stored,
    max_bytes_stored = greatest(stored.max_bytes_stored, excluded.bytes_stored);

-- name: load_media_storage
INSERT INTO media_counts (utc_date, site_id, media_count, max_media_count)
SELECT :utc_date::date, site_id, media_count, media_count
FROM unnest(:site_ids::text[], :media_counts::bigint[]) AS new (site_id, media_count);
INSERT INTO storage_bytes (utc_date, site_id, bytes_stored, max_bytes_stored)
SELECT :utc_date::date, site_id, bytes_stored, bytes_stored
FROM unnest(:site_ids::text[], :bytes_stored::bigint[]) AS new (site_id, bytes_stored);

-- Until its second event has come, a site has a row in one table only: what is missing counts as 0.

-- name: read_site_month
SELECT utc_date, media_count, max_media_count, bytes_stored, max_bytes_stored, bytes_streamed
FROM (
    SELECT utc_date, coalesce(media_count, 0) AS media_count, coalesce(max_media_count, 0) AS max_media_count,
        coalesce(bytes_stored, 0) AS bytes_stored, coalesce(max_bytes_stored, 0) AS max_bytes_stored
    FROM (
        SELECT utc_date, media_count, max_media_count FROM media_counts
        WHERE site_id = :site_id::text AND utc_date BETWEEN :first_date::date AND :last_date::date
    ) AS media
    FULL JOIN (
        SELECT utc_date, bytes_stored, max_bytes_stored FROM storage_bytes
        WHERE site_id = :site_id::text AND utc_date BETWEEN :first_date::date AND :last_date::date
    ) AS bytes USING (utc_date)
) AS storage
FULL JOIN (
    SELECT utc_date, sum(bytes_streamed)::bigint AS bytes_streamed
    FROM (
        SELECT utc_date, bytes_streamed FROM cdn_daily
        WHERE site_id = :site_id::text AND utc_date BETWEEN :first_date::date AND :last_date::date
        UNION ALL
        SELECT utc_date, bytes_streamed FROM cdn_open
        WHERE site_id = :site_id::text AND utc_date BETWEEN :first_date::date AND :last_date::date
    ) AS part
    GROUP BY utc_date
) AS streaming USING (utc_date)
ORDER BY utc_date;

-- name: read_top_sites
SELECT top.site_id, top.bytes_stored, top.media_count, coalesce(streaming.bytes_streamed, 0) AS bytes_streamed
FROM (
    SELECT site_id, coalesce(bytes_stored, 0) AS bytes_stored, coalesce(media_count, 0) AS media_count
    FROM (SELECT site_id, media_count FROM media_counts WHERE utc_date = :utc_date::date) AS media
    FULL JOIN (SELECT site_id, bytes_stored FROM storage_bytes WHERE utc_date = :utc_date::date) AS bytes
        USING (site_id)
    ORDER BY 2 DESC, site_id
    LIMIT 10
) AS top
LEFT JOIN LATERAL (
    SELECT sum(bytes_streamed)::bigint AS bytes_streamed
    FROM (
        SELECT bytes_streamed FROM cdn_daily WHERE utc_date = :utc_date::date AND site_id = top.site_id
        UNION ALL
        SELECT bytes_streamed FROM cdn_open WHERE utc_date = :utc_date::date AND site_id = top.site_id
    ) AS part
) AS streaming ON true
ORDER BY top.bytes_stored DESC, top.site_id;

-- name: state_media
SELECT utc_date, site_id, coalesce(media_count, 0), coalesce(max_media_count, 0),
    coalesce(bytes_stored, 0), coalesce(max_bytes_stored, 0)
FROM media_counts
FULL JOIN storage_bytes USING (utc_date, site_id)
ORDER BY utc_date, site_id COLLATE "C";

-- name: media_below_zero_or_above_its_maximum
SELECT 'media_counts' AS relation, utc_date, site_id, media_count AS current, max_media_count AS maximum
FROM media_counts
WHERE media_count < 0 OR max_media_count < media_count
UNION ALL
SELECT 'storage_bytes', utc_date, site_id, bytes_stored, max_bytes_stored
FROM storage_bytes
WHERE bytes_stored < 0 OR max_bytes_stored < bytes_stored;
