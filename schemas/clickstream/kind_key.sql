-- candidate: kind_key
-- summary: the kind as the key of a table, with a foreign key
-- expects: every writer locks one of the same three rows: much memory traffic for
--   multixacts, though nobody waits for a heavyweight lock

-- The application knows the keys.
CREATE TABLE event_kind (
    kind_id smallint PRIMARY KEY,
    name text NOT NULL UNIQUE
);
INSERT INTO event_kind VALUES (1, 'FIRST_INSTALL'), (2, 'LOG_IN'), (3, 'LIKE_ARTICLE');

CREATE TABLE event (
    happened_at timestamp NOT NULL,  -- UTC
    kind_id smallint NOT NULL REFERENCES event_kind,
    user_id text COLLATE "C" NOT NULL,
    article text COLLATE "C"
);

-- An event that is sent again is the same. User first, so that the log-ins of a user are found, too.
CREATE UNIQUE INDEX event_once ON event (user_id, kind_id, happened_at, article) NULLS NOT DISTINCT;
CREATE INDEX event_time ON event (happened_at);

CREATE VIEW liked AS
SELECT user_id, article, happened_at AS liked_at FROM event WHERE kind_id = 3;

CREATE VIEW daily_likes AS
SELECT liked_at::date AS day, article, count(*) AS likes FROM liked GROUP BY liked_at::date, article;

CREATE VIEW installed AS
SELECT user_id, date_trunc('week', happened_at)::date AS week FROM event WHERE kind_id = 1;

CREATE VIEW active AS
SELECT DISTINCT user_id, date_trunc('week', happened_at)::date AS week FROM event WHERE kind_id = 2;

-- name: first_install
INSERT INTO event (happened_at, user_id, kind_id)
VALUES (:happened_at::timestamp, :user_id::text, 1)
ON CONFLICT DO NOTHING;

-- name: log_in
INSERT INTO event (happened_at, user_id, kind_id)
VALUES (:happened_at::timestamp, :user_id::text, 2)
ON CONFLICT DO NOTHING;

-- name: like_article
INSERT INTO event (happened_at, user_id, kind_id, article)
VALUES (:happened_at::timestamp, :user_id::text, 3, :article::text)
ON CONFLICT DO NOTHING;

-- name: load_events
INSERT INTO event (happened_at, user_id, kind_id, article)
SELECT happened_at, user_id, kind_id, article
FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[], :articles::text[])
    AS new (happened_at, user_id, kind, article)
JOIN event_kind ON event_kind.name = kind
ON CONFLICT DO NOTHING;

-- name: top_articles
SELECT article, count(*) AS likes
FROM event
WHERE kind_id = 3 AND happened_at >= :first_day::date AND happened_at < :last_day::date + 1
GROUP BY article
ORDER BY count(*) DESC, article COLLATE "C"
LIMIT 10;

-- name: retention
SELECT week, count(*) AS installed, count(*) FILTER (WHERE came_back) AS returned,
       round(100.0 * count(*) FILTER (WHERE came_back) / count(*), 1) AS percent
FROM (
    SELECT date_trunc('week', happened_at)::date AS week,
           EXISTS (
               SELECT FROM event AS back
               WHERE back.user_id = event.user_id AND back.kind_id = 2
                 AND back.happened_at >= date_trunc('week', event.happened_at) + interval '7 days'
                 AND back.happened_at < date_trunc('week', event.happened_at) + interval '14 days'
           ) AS came_back
    FROM event
    WHERE kind_id = 1
      AND happened_at >= :first_week::date AND happened_at < :last_week::date + 7
) AS cohort
GROUP BY week
ORDER BY week;
