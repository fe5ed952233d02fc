-- candidate: last_count_stands
-- mutant of: batched_counts
-- summary: the count of a batch takes the place of the count so far
-- name: like_article
-- batch: 30 within 200 ms
WITH new AS (
    INSERT INTO event (happened_at, user_id, kind, article)
    SELECT happened_at, user_id, 'LIKE_ARTICLE', article
    FROM unnest(:happened_at::timestamp[], :user_id::text[], :article::text[]) AS new (happened_at, user_id, article)
    ORDER BY user_id COLLATE "C", happened_at, article COLLATE "C"
    ON CONFLICT DO NOTHING
    RETURNING happened_at, article
)
INSERT INTO daily_likes AS counted (day, article, likes)
SELECT happened_at::date, article, count(*)
FROM new
GROUP BY happened_at::date, article
ORDER BY happened_at::date, article
ON CONFLICT (day, article) DO UPDATE SET likes = excluded.likes;
