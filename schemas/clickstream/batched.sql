-- candidate: batched
-- summary: the baseline, its events gathered into batches of up to 30 by a collector
-- expects: several times the throughput for a fifth of a second of delay: one commit for 30 events

CREATE TABLE event (
    happened_at timestamp NOT NULL,  -- UTC
    user_id text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('FIRST_INSTALL', 'LOG_IN', 'LIKE_ARTICLE')),
    article text COLLATE "C",
    CHECK ((kind = 'LIKE_ARTICLE') = (article IS NOT NULL))
);

-- An event that is sent again is the same. User first, so that the log-ins of a user are found, too.
CREATE UNIQUE INDEX event_once ON event (user_id, kind, happened_at, article) NULLS NOT DISTINCT;
CREATE INDEX event_time ON event (happened_at);

CREATE VIEW liked AS
SELECT user_id, article, happened_at AS liked_at FROM event WHERE kind = 'LIKE_ARTICLE';

CREATE VIEW daily_likes AS
SELECT liked_at::date AS day, article, count(*) AS likes FROM liked GROUP BY liked_at::date, article;

CREATE VIEW installed AS
SELECT user_id, date_trunc('week', happened_at)::date AS week FROM event WHERE kind = 'FIRST_INSTALL';

CREATE VIEW active AS
SELECT DISTINCT user_id, date_trunc('week', happened_at)::date AS week FROM event WHERE kind = 'LOG_IN';

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
