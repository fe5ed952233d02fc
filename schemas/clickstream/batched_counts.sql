-- candidate: batched_counts
-- summary: likes counted by upsert, from batches of up to 30
-- expects: the fast reads of like_counts without its waits: a popular article is counted once a batch

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

-- The most liked articles of a period are read here.
CREATE TABLE daily_likes (
    day date,
    article text COLLATE "C",
    likes bigint NOT NULL,
    PRIMARY KEY (day, article)
);

CREATE VIEW liked AS
SELECT user_id, article, happened_at AS liked_at FROM event WHERE kind = 'LIKE_ARTICLE';

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

-- Events first, then counts, both sorted: no two batches wait for each other in a circle.

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
ON CONFLICT (day, article) DO UPDATE SET likes = counted.likes + excluded.likes;

-- name: load_events
WITH new AS (
    INSERT INTO event (happened_at, user_id, kind, article)
    SELECT happened_at, user_id, kind, article
    FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[], :articles::text[])
        AS new (happened_at, user_id, kind, article)
    ON CONFLICT DO NOTHING
    RETURNING happened_at, article
)
INSERT INTO daily_likes AS counted (day, article, likes)
SELECT happened_at::date, article, count(*)
FROM new
WHERE article IS NOT NULL
GROUP BY happened_at::date, article
ON CONFLICT (day, article) DO UPDATE SET likes = counted.likes + excluded.likes;

-- name: top_articles
SELECT article, sum(likes)::bigint AS likes
FROM daily_likes
WHERE day BETWEEN :first_day::date AND :last_day::date
GROUP BY article
ORDER BY sum(likes) DESC, article COLLATE "C"
LIMIT 10;
