-- candidate: surrogate_keys
-- summary: narrow integer keys for sites and analytics ids, their names in two dimension tables
-- expects: smaller keys and indexes, less WAL; each event pays for a lookup, and top sites for a join

-- Keys are given by the database and never leave it. No foreign keys: only the statements below make keys, none
-- removes any, and a check for each batch row would buy nothing.
CREATE TABLE sites (
    site_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL UNIQUE
);

CREATE TABLE analytics (
    analytics_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    analytics_id text NOT NULL UNIQUE
);

-- Where two sessions meet a new site at once, one of them inserts it; the other waits, and finds it in the next round.
CREATE FUNCTION key_of_site(wanted text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    key integer;
BEGIN
    LOOP
        SELECT site_key INTO key FROM sites WHERE site_id = wanted;
        EXIT WHEN FOUND;
        INSERT INTO sites (site_id) VALUES (wanted) ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN key;
END
$$;

CREATE TABLE media_storage (
    utc_date date NOT NULL,
    site_key integer NOT NULL,
    media_count bigint NOT NULL DEFAULT 0,
    max_media_count bigint NOT NULL DEFAULT 0,
    bytes_stored bigint NOT NULL DEFAULT 0,
    max_bytes_stored bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (utc_date, site_key)
);

-- Keyed by batch first: a batch that is sent twice is refused, and compaction finds the rows of one together.
CREATE TABLE cdn_batch (
    batch_id bigint NOT NULL,
    utc_date date NOT NULL,
    site_key integer NOT NULL,
    cdn text NOT NULL,
    bytes_streamed bigint NOT NULL,
    PRIMARY KEY (batch_id, utc_date, site_key, cdn)
);

CREATE TABLE ping_batch (
    batch_id bigint NOT NULL,
    utc_date date NOT NULL,
    analytics_key integer NOT NULL,
    plays bigint NOT NULL,
    ad_impressions bigint NOT NULL,
    PRIMARY KEY (batch_id, utc_date, analytics_key)
);

CREATE TABLE cdn_daily (
    utc_date date NOT NULL,
    site_key integer NOT NULL,
    cdn text NOT NULL,
    bytes_streamed bigint NOT NULL,
    PRIMARY KEY (utc_date, site_key, cdn)
);

CREATE TABLE ping_daily (
    utc_date date NOT NULL,
    analytics_key integer NOT NULL,
    plays bigint NOT NULL,
    ad_impressions bigint NOT NULL,
    PRIMARY KEY (utc_date, analytics_key)
);

-- Totals of what is not compacted yet.
CREATE MATERIALIZED VIEW cdn_open AS
SELECT utc_date, site_key, cdn, sum(bytes_streamed)::bigint AS bytes_streamed
FROM cdn_batch
GROUP BY utc_date, site_key, cdn;
CREATE UNIQUE INDEX cdn_open_key ON cdn_open (utc_date, site_key, cdn);

CREATE MATERIALIZED VIEW ping_open AS
SELECT utc_date, analytics_key, sum(plays)::bigint AS plays, sum(ad_impressions)::bigint AS ad_impressions
FROM ping_batch
GROUP BY utc_date, analytics_key;
CREATE UNIQUE INDEX ping_open_key ON ping_open (utc_date, analytics_key);

-- name: upsert_media_count
INSERT INTO media_storage AS stored (utc_date, site_key, media_count, max_media_count)
VALUES (:utc_date::date, key_of_site(:site_id::text), :media_count::bigint, :media_count::bigint)
ON CONFLICT (utc_date, site_key) DO UPDATE SET
    media_count = excluded.media_count,
    max_media_count = greatest(stored.max_media_count, excluded.media_count);

-- name: upsert_bytes_stored
INSERT INTO media_storage AS stored (utc_date, site_key, bytes_stored, max_bytes_stored)
VALUES (:utc_date::date, key_of_site(:site_id::text), :bytes_stored::bigint, :bytes_stored::bigint)
ON CONFLICT (utc_date, site_key) DO UPDATE SET
    bytes_stored = excluded.bytes_stored,
    max_bytes_stored = greatest(stored.max_bytes_stored, excluded.bytes_stored);

-- name: insert_cdn
INSERT INTO sites (site_id)
SELECT DISTINCT site_id FROM unnest(:site_ids::text[]) AS new (site_id)
WHERE NOT EXISTS (SELECT FROM sites AS known WHERE known.site_id = new.site_id)
ORDER BY site_id
ON CONFLICT DO NOTHING;
INSERT INTO cdn_batch (batch_id, utc_date, site_key, cdn, bytes_streamed)
SELECT :batch_id::bigint, :utc_date::date, site_key, cdn, bytes_streamed
FROM unnest(:site_ids::text[], :cdns::text[], :bytes_streamed::bigint[]) AS new (site_id, cdn, bytes_streamed)
JOIN sites USING (site_id);

-- name: insert_ping
INSERT INTO analytics (analytics_id)
SELECT DISTINCT analytics_id FROM unnest(:analytics_ids::text[]) AS new (analytics_id)
WHERE NOT EXISTS (SELECT FROM analytics AS known WHERE known.analytics_id = new.analytics_id)
ORDER BY analytics_id
ON CONFLICT DO NOTHING;
INSERT INTO ping_batch (batch_id, utc_date, analytics_key, plays, ad_impressions)
SELECT :batch_id::bigint, :utc_date::date, analytics_key, plays, ad_impressions
FROM unnest(:analytics_ids::text[], :plays::bigint[], :ad_impressions::bigint[])
    AS new (analytics_id, plays, ad_impressions)
JOIN analytics USING (analytics_id);

-- name: load_media_storage
INSERT INTO sites (site_id)
SELECT DISTINCT site_id FROM unnest(:site_ids::text[]) AS new (site_id)
WHERE NOT EXISTS (SELECT FROM sites AS known WHERE known.site_id = new.site_id)
ORDER BY site_id
ON CONFLICT DO NOTHING;
INSERT INTO media_storage (utc_date, site_key, media_count, max_media_count, bytes_stored, max_bytes_stored)
SELECT :utc_date::date, site_key, media_count, media_count, bytes_stored, bytes_stored
FROM unnest(:site_ids::text[], :media_counts::bigint[], :bytes_stored::bigint[])
    AS new (site_id, media_count, bytes_stored)
JOIN sites USING (site_id);

-- name: load_cdn_daily
INSERT INTO sites (site_id)
SELECT DISTINCT site_id FROM unnest(:site_ids::text[]) AS new (site_id)
WHERE NOT EXISTS (SELECT FROM sites AS known WHERE known.site_id = new.site_id)
ORDER BY site_id
ON CONFLICT DO NOTHING;
INSERT INTO cdn_daily (utc_date, site_key, cdn, bytes_streamed)
SELECT :utc_date::date, site_key, cdn, bytes_streamed
FROM unnest(:site_ids::text[], :cdns::text[], :bytes_streamed::bigint[]) AS new (site_id, cdn, bytes_streamed)
JOIN sites USING (site_id);

-- name: load_ping_daily
INSERT INTO analytics (analytics_id)
SELECT DISTINCT analytics_id FROM unnest(:analytics_ids::text[]) AS new (analytics_id)
WHERE NOT EXISTS (SELECT FROM analytics AS known WHERE known.analytics_id = new.analytics_id)
ORDER BY analytics_id
ON CONFLICT DO NOTHING;
INSERT INTO ping_daily (utc_date, analytics_key, plays, ad_impressions)
SELECT :utc_date::date, analytics_key, plays, ad_impressions
FROM unnest(:analytics_ids::text[], :plays::bigint[], :ad_impressions::bigint[])
    AS new (analytics_id, plays, ad_impressions)
JOIN analytics USING (analytics_id);

-- name: compact_cdn
WITH finished AS (
    DELETE FROM cdn_batch WHERE batch_id BETWEEN :first_batch::bigint AND :through_batch::bigint
    RETURNING utc_date, site_key, cdn, bytes_streamed
)
INSERT INTO cdn_daily AS daily (utc_date, site_key, cdn, bytes_streamed)
SELECT utc_date, site_key, cdn, sum(bytes_streamed)::bigint
FROM finished
GROUP BY utc_date, site_key, cdn
ORDER BY utc_date, site_key, cdn
ON CONFLICT (utc_date, site_key, cdn) DO UPDATE SET
    bytes_streamed = daily.bytes_streamed + excluded.bytes_streamed;
SELECT pg_advisory_xact_lock('cdn_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW cdn_open;

-- name: compact_ping
WITH finished AS (
    DELETE FROM ping_batch WHERE batch_id BETWEEN :first_batch::bigint AND :through_batch::bigint
    RETURNING utc_date, analytics_key, plays, ad_impressions
)
INSERT INTO ping_daily AS daily (utc_date, analytics_key, plays, ad_impressions)
SELECT utc_date, analytics_key, sum(plays)::bigint, sum(ad_impressions)::bigint
FROM finished
GROUP BY utc_date, analytics_key
ORDER BY utc_date, analytics_key
ON CONFLICT (utc_date, analytics_key) DO UPDATE SET
    plays = daily.plays + excluded.plays,
    ad_impressions = daily.ad_impressions + excluded.ad_impressions;
SELECT pg_advisory_xact_lock('ping_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW ping_open;

-- name: read_site_month
SELECT utc_date, media_count, max_media_count, bytes_stored, max_bytes_stored, bytes_streamed
FROM (
    SELECT utc_date, media_count, max_media_count, bytes_stored, max_bytes_stored
    FROM media_storage
    WHERE site_key = (SELECT site_key FROM sites WHERE site_id = :site_id::text)
        AND utc_date BETWEEN :first_date::date AND :last_date::date
) AS storage
FULL JOIN (
    SELECT utc_date, sum(bytes_streamed)::bigint AS bytes_streamed
    FROM (
        SELECT utc_date, bytes_streamed FROM cdn_daily
        WHERE site_key = (SELECT site_key FROM sites WHERE site_id = :site_id::text)
            AND utc_date BETWEEN :first_date::date AND :last_date::date
        UNION ALL
        SELECT utc_date, bytes_streamed FROM cdn_open
        WHERE site_key = (SELECT site_key FROM sites WHERE site_id = :site_id::text)
            AND utc_date BETWEEN :first_date::date AND :last_date::date
    ) AS part
    GROUP BY utc_date
) AS streaming USING (utc_date)
ORDER BY utc_date;

-- name: read_top_sites
SELECT top.site_id, top.bytes_stored, top.media_count, coalesce(streaming.bytes_streamed, 0) AS bytes_streamed
FROM (
    SELECT site_key, site_id, bytes_stored, media_count
    FROM media_storage
    JOIN sites USING (site_key)
    WHERE utc_date = :utc_date::date
    ORDER BY bytes_stored DESC, site_id
    LIMIT 10
) AS top
LEFT JOIN LATERAL (
    SELECT sum(bytes_streamed)::bigint AS bytes_streamed
    FROM (
        SELECT bytes_streamed FROM cdn_daily WHERE utc_date = :utc_date::date AND site_key = top.site_key
        UNION ALL
        SELECT bytes_streamed FROM cdn_open WHERE utc_date = :utc_date::date AND site_key = top.site_key
    ) AS part
) AS streaming ON true
ORDER BY top.bytes_stored DESC, top.site_id;

-- name: read_analytics_month
SELECT utc_date, sum(plays)::bigint AS plays, sum(ad_impressions)::bigint AS ad_impressions
FROM (
    SELECT utc_date, plays, ad_impressions FROM ping_daily
    WHERE analytics_key = (SELECT analytics_key FROM analytics WHERE analytics_id = :analytics_id::text)
        AND utc_date BETWEEN :first_date::date AND :last_date::date
    UNION ALL
    SELECT utc_date, plays, ad_impressions FROM ping_open
    WHERE analytics_key = (SELECT analytics_key FROM analytics WHERE analytics_id = :analytics_id::text)
        AND utc_date BETWEEN :first_date::date AND :last_date::date
) AS part
GROUP BY utc_date
ORDER BY utc_date;

-- name: state_media
SELECT utc_date, site_id, media_count, max_media_count, bytes_stored, max_bytes_stored
FROM media_storage
JOIN sites USING (site_key)
ORDER BY utc_date, site_id COLLATE "C";

-- name: state_cdn
SELECT utc_date, site_id, cdn, sum(bytes_streamed)::bigint AS bytes_streamed
FROM (
    SELECT utc_date, site_key, cdn, bytes_streamed FROM cdn_daily
    UNION ALL
    SELECT utc_date, site_key, cdn, bytes_streamed FROM cdn_batch
) AS part
JOIN sites USING (site_key)
GROUP BY utc_date, site_id, cdn
ORDER BY utc_date, site_id COLLATE "C", cdn COLLATE "C";

-- name: state_ping
SELECT utc_date, analytics_id, sum(plays)::bigint AS plays, sum(ad_impressions)::bigint AS ad_impressions
FROM (
    SELECT utc_date, analytics_key, plays, ad_impressions FROM ping_daily
    UNION ALL
    SELECT utc_date, analytics_key, plays, ad_impressions FROM ping_batch
) AS part
JOIN analytics USING (analytics_key)
GROUP BY utc_date, analytics_id
ORDER BY utc_date, analytics_id COLLATE "C";

-- name: media_below_zero_or_above_its_maximum
SELECT utc_date, site_key, media_count, max_media_count, bytes_stored, max_bytes_stored
FROM media_storage
WHERE least(media_count, bytes_stored) < 0 OR max_media_count < media_count OR max_bytes_stored < bytes_stored;

-- name: cdn_below_zero
SELECT 'cdn_batch' AS relation, utc_date, site_key, cdn, bytes_streamed FROM cdn_batch WHERE bytes_streamed < 0
UNION ALL
SELECT 'cdn_daily', utc_date, site_key, cdn, bytes_streamed FROM cdn_daily WHERE bytes_streamed < 0;

-- name: ping_below_zero_or_more_ads_than_plays
SELECT 'ping_batch' AS relation, utc_date, analytics_key, plays, ad_impressions FROM ping_batch
WHERE ad_impressions < 0 OR ad_impressions > plays
UNION ALL
SELECT 'ping_daily', utc_date, analytics_key, plays, ad_impressions FROM ping_daily
WHERE ad_impressions < 0 OR ad_impressions > plays;

-- name: cdn_served_differs_from_batches
SELECT utc_date, site_key, cdn, open.bytes_streamed AS served, batch.bytes_streamed AS held
FROM cdn_open AS open
FULL JOIN (
    SELECT utc_date, site_key, cdn, sum(bytes_streamed)::bigint AS bytes_streamed
    FROM cdn_batch
    GROUP BY utc_date, site_key, cdn
) AS batch USING (utc_date, site_key, cdn)
WHERE coalesce(open.bytes_streamed, 0) <> coalesce(batch.bytes_streamed, 0);

-- name: ping_served_differs_from_batches
SELECT utc_date, analytics_key, open.plays AS served, batch.plays AS held
FROM ping_open AS open
FULL JOIN (
    SELECT utc_date, analytics_key, sum(plays)::bigint AS plays, sum(ad_impressions)::bigint AS ad_impressions
    FROM ping_batch
    GROUP BY utc_date, analytics_key
) AS batch USING (utc_date, analytics_key)
WHERE coalesce(open.plays, 0) <> coalesce(batch.plays, 0)
    OR coalesce(open.ad_impressions, 0) <> coalesce(batch.ad_impressions, 0);
