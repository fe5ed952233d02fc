-- Usage metering: what the workers and dashboards of a video platform ask of its database.
--
-- Two ids run side by side, sites (`mlw_...`) and analytics ids (`aw_...`). No mapping between them exists: nothing
-- here joins the one on the other. These defaults fit schemas/usage/baseline.sql; a candidate overrides what its own
-- tables need.

-- The two events of one (utc_date, site_id). The service, not the worker, keeps the maxima. Each event touches its own
-- columns only, so that events of two sources commute.

-- name: upsert_media_count
INSERT INTO media_storage AS stored (utc_date, site_id, media_count, max_media_count)
VALUES (:utc_date::date, :site_id::text, :media_count::bigint, :media_count::bigint)
ON CONFLICT (utc_date, site_id) DO UPDATE SET
    media_count = excluded.media_count,
    max_media_count = greatest(stored.max_media_count, excluded.media_count);

-- name: upsert_bytes_stored
INSERT INTO media_storage AS stored (utc_date, site_id, bytes_stored, max_bytes_stored)
VALUES (:utc_date::date, :site_id::text, :bytes_stored::bigint, :bytes_stored::bigint)
ON CONFLICT (utc_date, site_id) DO UPDATE SET
    bytes_stored = excluded.bytes_stored,
    max_bytes_stored = greatest(stored.max_bytes_stored, excluded.bytes_stored);

-- name: insert_cdn
INSERT INTO cdn_batch (batch_id, utc_date, site_id, cdn, bytes_streamed)
SELECT :batch_id::bigint, :utc_date::date, site_id, cdn, bytes_streamed
FROM unnest(:site_ids::text[], :cdns::text[], :bytes_streamed::bigint[]) AS new (site_id, cdn, bytes_streamed);

-- name: insert_ping
INSERT INTO ping_batch (batch_id, utc_date, analytics_id, plays, ad_impressions)
SELECT :batch_id::bigint, :utc_date::date, analytics_id, plays, ad_impressions
FROM unnest(:analytics_ids::text[], :plays::bigint[], :ad_impressions::bigint[])
    AS new (analytics_id, plays, ad_impressions);

-- REFRESH takes its snapshot before it waits for the lock on the view: of two refreshes the one with the older snapshot
-- may win, and leave rows in the view that were compacted, to be counted twice, or miss rows that were inserted.
-- Hence the advisory lock, in a statement of its own: the snapshot is then taken when it is this refresh's turn.

-- name: refresh_cdn_views
SELECT pg_advisory_xact_lock('cdn_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW cdn_open;

-- name: refresh_ping_views
SELECT pg_advisory_xact_lock('ping_open'::regclass::bigint);
REFRESH MATERIALIZED VIEW ping_open;

-- Compaction moves what it deletes, no more and no less, whatever is inserted meanwhile: totals are conserved. It ends
-- with a refresh in the same transaction, since reads add daily rows and views: they must change together. Rows are
-- sorted so that two compactions lock daily rows in one order.

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
REFRESH MATERIALIZED VIEW cdn_open;

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
REFRESH MATERIALIZED VIEW ping_open;

-- Reads: daily rows plus what is open. A date may have storage and no streaming, or the reverse.

-- name: read_site_month
SELECT utc_date, media_count, max_media_count, bytes_stored, max_bytes_stored, bytes_streamed
FROM (
    SELECT utc_date, media_count, max_media_count, bytes_stored, max_bytes_stored
    FROM media_storage
    WHERE site_id = :site_id::text AND utc_date BETWEEN :first_date::date AND :last_date::date
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
    SELECT site_id, bytes_stored, media_count
    FROM media_storage
    WHERE utc_date = :utc_date::date
    ORDER BY bytes_stored DESC, site_id
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

-- name: read_analytics_month
SELECT utc_date, sum(plays)::bigint AS plays, sum(ad_impressions)::bigint AS ad_impressions
FROM (
    SELECT utc_date, plays, ad_impressions FROM ping_daily
    WHERE analytics_id = :analytics_id::text AND utc_date BETWEEN :first_date::date AND :last_date::date
    UNION ALL
    SELECT utc_date, plays, ad_impressions FROM ping_open
    WHERE analytics_id = :analytics_id::text AND utc_date BETWEEN :first_date::date AND :last_date::date
) AS part
GROUP BY utc_date
ORDER BY utc_date;

-- History, loaded before anything is measured: one date and many ids a call.

-- name: load_media_storage
INSERT INTO media_storage (utc_date, site_id, media_count, max_media_count, bytes_stored, max_bytes_stored)
SELECT :utc_date::date, site_id, media_count, media_count, bytes_stored, bytes_stored
FROM unnest(:site_ids::text[], :media_counts::bigint[], :bytes_stored::bigint[])
    AS new (site_id, media_count, bytes_stored);

-- name: load_cdn_daily
INSERT INTO cdn_daily (utc_date, site_id, cdn, bytes_streamed)
SELECT :utc_date::date, site_id, cdn, bytes_streamed
FROM unnest(:site_ids::text[], :cdns::text[], :bytes_streamed::bigint[]) AS new (site_id, cdn, bytes_streamed);

-- name: load_ping_daily
INSERT INTO ping_daily (utc_date, analytics_id, plays, ad_impressions)
SELECT :utc_date::date, analytics_id, plays, ad_impressions
FROM unnest(:analytics_ids::text[], :plays::bigint[], :ad_impressions::bigint[])
    AS new (analytics_id, plays, ad_impressions);

-- What every candidate must agree on. Streaming and plays as totals of batches and daily rows: which part is compacted
-- is a candidate's own affair, the sum is not.

-- name: state_media
SELECT utc_date, site_id, media_count, max_media_count, bytes_stored, max_bytes_stored
FROM media_storage
ORDER BY utc_date, site_id COLLATE "C";

-- name: state_cdn
SELECT utc_date, site_id, cdn, sum(bytes_streamed)::bigint AS bytes_streamed
FROM (
    SELECT utc_date, site_id, cdn, bytes_streamed FROM cdn_daily
    UNION ALL
    SELECT utc_date, site_id, cdn, bytes_streamed FROM cdn_batch
) AS part
GROUP BY utc_date, site_id, cdn
ORDER BY utc_date, site_id COLLATE "C", cdn COLLATE "C";

-- name: state_ping
SELECT utc_date, analytics_id, sum(plays)::bigint AS plays, sum(ad_impressions)::bigint AS ad_impressions
FROM (
    SELECT utc_date, analytics_id, plays, ad_impressions FROM ping_daily
    UNION ALL
    SELECT utc_date, analytics_id, plays, ad_impressions FROM ping_batch
) AS part
GROUP BY utc_date, analytics_id
ORDER BY utc_date, analytics_id COLLATE "C";

-- What must hold once the writers are done: each query returns the rows that break its rule.

-- name: media_below_zero_or_above_its_maximum
SELECT utc_date, site_id, media_count, max_media_count, bytes_stored, max_bytes_stored
FROM media_storage
WHERE least(media_count, bytes_stored) < 0 OR max_media_count < media_count OR max_bytes_stored < bytes_stored;

-- name: cdn_below_zero
SELECT 'cdn_batch' AS relation, utc_date, site_id, cdn, bytes_streamed FROM cdn_batch WHERE bytes_streamed < 0
UNION ALL
SELECT 'cdn_daily', utc_date, site_id, cdn, bytes_streamed FROM cdn_daily WHERE bytes_streamed < 0;

-- No worker sends more ad impressions than plays: a sum that says so has mixed up or lost one of the two.
-- name: ping_below_zero_or_more_ads_than_plays
SELECT 'ping_batch' AS relation, utc_date, analytics_id, plays, ad_impressions FROM ping_batch
WHERE ad_impressions < 0 OR ad_impressions > plays
UNION ALL
SELECT 'ping_daily', utc_date, analytics_id, plays, ad_impressions FROM ping_daily
WHERE ad_impressions < 0 OR ad_impressions > plays;

-- What reads are served from is what the batches hold: nothing is counted twice, nothing is missing.
-- name: cdn_served_differs_from_batches
SELECT utc_date, site_id, cdn, open.bytes_streamed AS served, batch.bytes_streamed AS held
FROM cdn_open AS open
FULL JOIN (
    SELECT utc_date, site_id, cdn, sum(bytes_streamed)::bigint AS bytes_streamed
    FROM cdn_batch
    GROUP BY utc_date, site_id, cdn
) AS batch USING (utc_date, site_id, cdn)
WHERE coalesce(open.bytes_streamed, 0) <> coalesce(batch.bytes_streamed, 0);

-- name: ping_served_differs_from_batches
SELECT utc_date, analytics_id, open.plays AS served, batch.plays AS held
FROM ping_open AS open
FULL JOIN (
    SELECT utc_date, analytics_id, sum(plays)::bigint AS plays, sum(ad_impressions)::bigint AS ad_impressions
    FROM ping_batch
    GROUP BY utc_date, analytics_id
) AS batch USING (utc_date, analytics_id)
WHERE coalesce(open.plays, 0) <> coalesce(batch.plays, 0)
    OR coalesce(open.ad_impressions, 0) <> coalesce(batch.ad_impressions, 0);
