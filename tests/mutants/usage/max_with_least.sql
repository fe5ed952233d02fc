-- candidate: max_with_least
-- mutant of: baseline
-- summary: the maximum of media_count keeps the least
-- name: upsert_media_count
INSERT INTO media_storage AS stored (utc_date, site_id, media_count, max_media_count)
VALUES (:utc_date::date, :site_id::text, :media_count::bigint, :media_count::bigint)
ON CONFLICT (utc_date, site_id) DO UPDATE SET
    media_count = excluded.media_count,
    max_media_count = least(stored.max_media_count, excluded.media_count);
