-- candidate: cohort_bitmaps
-- summary: a row for each user, with the week of its install and a bit for each week with a log-in, from 5 January 2015
--   to 22 December 2024
-- expects: retention reads one row a user; a log-in rewrites it at most once a week; neither installs nor
--   log-ins are kept

CREATE TABLE event (
    happened_at timestamp NOT NULL,  -- UTC
    user_id text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind = 'LIKE_ARTICLE'),
    article text COLLATE "C" NOT NULL
);

-- An event that is sent again is the same.
CREATE UNIQUE INDEX event_once ON event (user_id, kind, happened_at, article);
CREATE INDEX event_time ON event (happened_at);

-- Bit 0 is the week of 5 January 2015. Ten years from then are enough for the life of an application; a log-in at any
-- other time is refused, and so is retention of an install at any other time.
CREATE TABLE app_user (
    user_id text COLLATE "C" PRIMARY KEY,
    installed_week date,  -- NULL as long as only log-ins came
    weeks bit(520) NOT NULL DEFAULT B'0'::bit(520)
);
CREATE INDEX app_user_installed_week ON app_user (installed_week);

CREATE VIEW liked AS
SELECT user_id, article, happened_at AS liked_at FROM event WHERE kind = 'LIKE_ARTICLE';

CREATE VIEW daily_likes AS
SELECT liked_at::date AS day, article, count(*) AS likes FROM liked GROUP BY liked_at::date, article;

CREATE VIEW installed AS
SELECT user_id, installed_week AS week FROM app_user WHERE installed_week IS NOT NULL;

CREATE VIEW active AS
SELECT user_id, DATE '2015-01-05' + 7 * number AS week
FROM app_user, generate_series(0, 519) AS number
WHERE get_bit(weeks, number) = 1;

-- name: first_install
INSERT INTO app_user AS known (user_id, installed_week)
VALUES (:user_id::text, date_trunc('week', :happened_at::timestamp)::date)
ON CONFLICT (user_id) DO UPDATE SET installed_week = excluded.installed_week
WHERE known.installed_week IS NULL;

-- name: log_in
INSERT INTO app_user AS known (user_id, weeks)
VALUES (:user_id::text,
        set_bit(B'0'::bit(520), (date_trunc('week', :happened_at::timestamp)::date - DATE '2015-01-05') / 7, 1))
ON CONFLICT (user_id) DO UPDATE SET weeks = known.weeks | excluded.weeks
WHERE known.weeks <> known.weeks | excluded.weeks;

-- name: load_events
INSERT INTO event (happened_at, user_id, kind, article)
SELECT happened_at, user_id, kind, article
FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[], :articles::text[])
    AS new (happened_at, user_id, kind, article)
WHERE kind = 'LIKE_ARTICLE'
ON CONFLICT DO NOTHING;
INSERT INTO app_user AS known (user_id, installed_week, weeks)
SELECT user_id,
       max(date_trunc('week', happened_at)::date) FILTER (WHERE kind = 'FIRST_INSTALL'),
       coalesce(bit_or(set_bit(B'0'::bit(520), (date_trunc('week', happened_at)::date - DATE '2015-01-05') / 7, 1))
                FILTER (WHERE kind = 'LOG_IN'), B'0'::bit(520))
FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[]) AS new (happened_at, user_id, kind)
WHERE kind <> 'LIKE_ARTICLE'
GROUP BY user_id
ON CONFLICT (user_id) DO UPDATE SET
    installed_week = coalesce(known.installed_week, excluded.installed_week),
    weeks = known.weeks | excluded.weeks;

-- name: retention
SELECT installed_week AS week, count(*) AS installed, sum(came_back) AS returned,
       round(100.0 * sum(came_back) / count(*), 1) AS percent
FROM (
    SELECT installed_week, get_bit(weeks, (installed_week - DATE '2015-01-05') / 7 + 1) AS came_back
    FROM app_user
    WHERE installed_week BETWEEN :first_week::date AND :last_week::date
) AS cohort
GROUP BY installed_week
ORDER BY installed_week;
