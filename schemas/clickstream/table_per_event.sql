-- candidate: table_per_event
-- summary: a table for each kind of event, with a key of its own
-- expects: no column is empty and each index holds one kind: faster writes, and reads that pass over nothing

CREATE TABLE install (
    user_id text COLLATE "C" PRIMARY KEY,
    installed_at timestamp NOT NULL  -- UTC, likewise below
);
CREATE INDEX install_time ON install (installed_at);

CREATE TABLE log_in (
    user_id text COLLATE "C",
    logged_in_at timestamp,
    PRIMARY KEY (user_id, logged_in_at)
);

-- The time last in the key: the index on it serves the period.
CREATE TABLE article_like (
    user_id text COLLATE "C",
    article text COLLATE "C",
    liked_at timestamp,
    PRIMARY KEY (user_id, article, liked_at)
);
CREATE INDEX article_like_time ON article_like (liked_at);

CREATE VIEW liked AS
SELECT user_id, article, liked_at FROM article_like;

CREATE VIEW daily_likes AS
SELECT liked_at::date AS day, article, count(*) AS likes FROM liked GROUP BY liked_at::date, article;

CREATE VIEW installed AS
SELECT user_id, date_trunc('week', installed_at)::date AS week FROM install;

CREATE VIEW active AS
SELECT DISTINCT user_id, date_trunc('week', logged_in_at)::date AS week FROM log_in;

-- name: first_install
INSERT INTO install (user_id, installed_at) VALUES (:user_id::text, :happened_at::timestamp)
ON CONFLICT DO NOTHING;

-- name: log_in
INSERT INTO log_in (user_id, logged_in_at) VALUES (:user_id::text, :happened_at::timestamp)
ON CONFLICT DO NOTHING;

-- name: like_article
INSERT INTO article_like (user_id, article, liked_at)
VALUES (:user_id::text, :article::text, :happened_at::timestamp)
ON CONFLICT DO NOTHING;

-- name: load_events
INSERT INTO install (user_id, installed_at)
SELECT user_id, happened_at
FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[]) AS new (happened_at, user_id, kind)
WHERE kind = 'FIRST_INSTALL'
ON CONFLICT DO NOTHING;
INSERT INTO log_in (user_id, logged_in_at)
SELECT user_id, happened_at
FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[]) AS new (happened_at, user_id, kind)
WHERE kind = 'LOG_IN'
ON CONFLICT DO NOTHING;
INSERT INTO article_like (user_id, article, liked_at)
SELECT user_id, article, happened_at
FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[], :articles::text[])
    AS new (happened_at, user_id, kind, article)
WHERE kind = 'LIKE_ARTICLE'
ON CONFLICT DO NOTHING;

-- name: top_articles
SELECT article, count(*) AS likes
FROM article_like
WHERE liked_at >= :first_day::date AND liked_at < :last_day::date + 1
GROUP BY article
ORDER BY count(*) DESC, article COLLATE "C"
LIMIT 10;

-- name: retention
SELECT week, count(*) AS installed, count(*) FILTER (WHERE came_back) AS returned,
       round(100.0 * count(*) FILTER (WHERE came_back) / count(*), 1) AS percent
FROM (
    SELECT date_trunc('week', installed_at)::date AS week,
           EXISTS (
               SELECT FROM log_in AS back
               WHERE back.user_id = install.user_id
                 AND back.logged_in_at >= date_trunc('week', installed_at) + interval '7 days'
                 AND back.logged_in_at < date_trunc('week', installed_at) + interval '14 days'
           ) AS came_back
    FROM install
    WHERE installed_at >= :first_week::date AND installed_at < :last_week::date + 7
) AS cohort
GROUP BY week
ORDER BY week;
