-- candidate: batched
-- extends: baseline
-- summary: the baseline, its events gathered into batches of up to 30 by a collector
-- expects: several times the throughput for a fifth of a second of delay: one commit for 30 events

-- Sorted, so that two batches with an event in common wait for each other in one direction only.

-- name: first_install
-- batch: 30 within 200 ms
INSERT INTO event (happened_at, user_id, kind)
SELECT happened_at, user_id, 'FIRST_INSTALL'
FROM unnest(:happened_at::timestamp[], :user_id::text[]) AS new (happened_at, user_id)
ORDER BY user_id COLLATE "C", happened_at
ON CONFLICT DO NOTHING;

-- name: log_in
-- batch: 30 within 200 ms
INSERT INTO event (happened_at, user_id, kind)
SELECT happened_at, user_id, 'LOG_IN'
FROM unnest(:happened_at::timestamp[], :user_id::text[]) AS new (happened_at, user_id)
ORDER BY user_id COLLATE "C", happened_at
ON CONFLICT DO NOTHING;

-- name: like_article
-- batch: 30 within 200 ms
INSERT INTO event (happened_at, user_id, kind, article)
SELECT happened_at, user_id, 'LIKE_ARTICLE', article
FROM unnest(:happened_at::timestamp[], :user_id::text[], :article::text[]) AS new (happened_at, user_id, article)
ORDER BY user_id COLLATE "C", happened_at, article COLLATE "C"
ON CONFLICT DO NOTHING;
