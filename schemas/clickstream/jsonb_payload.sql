-- candidate: jsonb_payload
-- summary: the kind and the article in a jsonb payload, instead of columns
-- expects: slower in all: the payload repeats its keys in every row, and no statistics tell how rare a kind is

CREATE TABLE event (
    happened_at timestamp NOT NULL,  -- UTC
    user_id text COLLATE "C" NOT NULL,
    payload jsonb NOT NULL
);

-- An event that is sent again is the same. User first, so that the log-ins of a user are found, too.
CREATE UNIQUE INDEX event_once ON event (user_id, (payload ->> 'kind'), happened_at, (payload ->> 'article'))
    NULLS NOT DISTINCT;
CREATE INDEX event_time ON event (happened_at);

CREATE VIEW liked AS
SELECT user_id, payload ->> 'article' COLLATE "C" AS article, happened_at AS liked_at
FROM event WHERE payload ->> 'kind' = 'LIKE_ARTICLE';

CREATE VIEW daily_likes AS
SELECT liked_at::date AS day, article, count(*) AS likes FROM liked GROUP BY liked_at::date, article;

CREATE VIEW installed AS
SELECT user_id, date_trunc('week', happened_at)::date AS week
FROM event WHERE payload ->> 'kind' = 'FIRST_INSTALL';

CREATE VIEW active AS
SELECT DISTINCT user_id, date_trunc('week', happened_at)::date AS week
FROM event WHERE payload ->> 'kind' = 'LOG_IN';

-- name: first_install
INSERT INTO event (happened_at, user_id, payload)
VALUES (:happened_at::timestamp, :user_id::text, jsonb_build_object('kind', 'FIRST_INSTALL'))
ON CONFLICT DO NOTHING;

-- name: log_in
INSERT INTO event (happened_at, user_id, payload)
VALUES (:happened_at::timestamp, :user_id::text, jsonb_build_object('kind', 'LOG_IN'))
ON CONFLICT DO NOTHING;

-- name: like_article
INSERT INTO event (happened_at, user_id, payload)
VALUES (:happened_at::timestamp, :user_id::text, jsonb_build_object('kind', 'LIKE_ARTICLE', 'article', :article::text))
ON CONFLICT DO NOTHING;

-- name: load_events
INSERT INTO event (happened_at, user_id, payload)
SELECT happened_at, user_id, jsonb_strip_nulls(jsonb_build_object('kind', kind, 'article', article))
FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[], :articles::text[])
    AS new (happened_at, user_id, kind, article)
ON CONFLICT DO NOTHING;

-- name: top_articles
SELECT payload ->> 'article' AS article, count(*) AS likes
FROM event
WHERE payload ->> 'kind' = 'LIKE_ARTICLE' AND happened_at >= :first_day::date AND happened_at < :last_day::date + 1
GROUP BY payload ->> 'article'
ORDER BY count(*) DESC, (payload ->> 'article') COLLATE "C"
LIMIT 10;

-- name: retention
SELECT week, count(*) AS installed, count(*) FILTER (WHERE came_back) AS returned,
       round(100.0 * count(*) FILTER (WHERE came_back) / count(*), 1) AS percent
FROM (
    SELECT date_trunc('week', happened_at)::date AS week,
           EXISTS (
               SELECT FROM event AS back
               WHERE back.user_id = event.user_id AND back.payload ->> 'kind' = 'LOG_IN'
                 AND back.happened_at >= date_trunc('week', event.happened_at) + interval '7 days'
                 AND back.happened_at < date_trunc('week', event.happened_at) + interval '14 days'
           ) AS came_back
    FROM event
    WHERE payload ->> 'kind' = 'FIRST_INSTALL'
      AND happened_at >= :first_week::date AND happened_at < :last_week::date + 7
) AS cohort
GROUP BY week
ORDER BY week;
