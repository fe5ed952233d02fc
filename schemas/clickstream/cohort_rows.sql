-- candidate: cohort_rows
-- summary: a row for each week in which a user logged in, instead of the log-ins
-- expects: most log-ins find their row and write nothing, and retention joins two small tables; single
--   log-ins are not kept

CREATE TABLE event (
    happened_at timestamp NOT NULL,  -- UTC
    user_id text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('FIRST_INSTALL', 'LIKE_ARTICLE')),
    article text COLLATE "C",
    CHECK ((kind = 'LIKE_ARTICLE') = (article IS NOT NULL))
);

-- An event that is sent again is the same.
CREATE UNIQUE INDEX event_once ON event (user_id, kind, happened_at, article) NULLS NOT DISTINCT;
CREATE INDEX event_time ON event (happened_at);

-- Week first, so that what is written lies together.
CREATE TABLE active (
    week date,
    user_id text COLLATE "C",
    PRIMARY KEY (week, user_id)
);

CREATE VIEW liked AS
SELECT user_id, article, happened_at AS liked_at FROM event WHERE kind = 'LIKE_ARTICLE';

CREATE VIEW daily_likes AS
SELECT liked_at::date AS day, article, count(*) AS likes FROM liked GROUP BY liked_at::date, article;

CREATE VIEW installed AS
SELECT user_id, date_trunc('week', happened_at)::date AS week FROM event WHERE kind = 'FIRST_INSTALL';

-- name: log_in
INSERT INTO active (week, user_id)
VALUES (date_trunc('week', :happened_at::timestamp)::date, :user_id::text)
ON CONFLICT DO NOTHING;

-- name: load_events
INSERT INTO event (happened_at, user_id, kind, article)
SELECT happened_at, user_id, kind, article
FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[], :articles::text[])
    AS new (happened_at, user_id, kind, article)
WHERE kind <> 'LOG_IN'
ON CONFLICT DO NOTHING;
INSERT INTO active (week, user_id)
SELECT date_trunc('week', happened_at)::date, user_id
FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[]) AS new (happened_at, user_id, kind)
WHERE kind = 'LOG_IN'
ON CONFLICT DO NOTHING;

-- name: retention
SELECT week, count(*) AS installed, count(active.user_id) AS returned,
       round(100.0 * count(active.user_id) / count(*), 1) AS percent
FROM (
    SELECT user_id, date_trunc('week', happened_at)::date AS week
    FROM event
    WHERE kind = 'FIRST_INSTALL'
      AND happened_at >= :first_week::date AND happened_at < :last_week::date + 7
) AS cohort
LEFT JOIN (SELECT user_id, week - 7 AS week FROM active) AS active USING (week, user_id)
GROUP BY week
ORDER BY week;
