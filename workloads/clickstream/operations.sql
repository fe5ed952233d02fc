-- What a news application sends, and what is asked of it.
--
-- Every candidate offers four views, which are the logical state: liked (user_id, article, liked_at), one row a like;
-- daily_likes (day, article, likes); installed (user_id, week), and active (user_id, week), the weeks in which a user
-- logged in, each once. A week is named by its Monday. Checks use only these. Times are UTC and stored without a zone.
-- These defaults fit the table event of schemas/clickstream/baseline.sql; a candidate overrides what its own tables
-- need.

-- An event may be sent again, for lack of an answer: it counts once. No call waits for another: they come in any order.

-- name: first_install
INSERT INTO event (happened_at, user_id, kind)
VALUES (:happened_at::timestamp, :user_id::text, 'FIRST_INSTALL')
ON CONFLICT DO NOTHING;

-- name: log_in
INSERT INTO event (happened_at, user_id, kind)
VALUES (:happened_at::timestamp, :user_id::text, 'LOG_IN')
ON CONFLICT DO NOTHING;

-- name: like_article
INSERT INTO event (happened_at, user_id, kind, article)
VALUES (:happened_at::timestamp, :user_id::text, 'LIKE_ARTICLE', :article::text)
ON CONFLICT DO NOTHING;

-- name: load_events
-- Events of the past, of all kinds, in the order of time.
INSERT INTO event (happened_at, user_id, kind, article)
SELECT happened_at, user_id, kind, article
FROM unnest(:times::timestamp[], :user_ids::text[], :kinds::text[], :articles::text[])
    AS new (happened_at, user_id, kind, article)
ON CONFLICT DO NOTHING;

-- name: top_articles
-- Both days are part of the period. Ties are settled by the article, the same way everywhere.
SELECT article, count(*) AS likes
FROM event
WHERE kind = 'LIKE_ARTICLE' AND happened_at >= :first_day::date AND happened_at < :last_day::date + 1
GROUP BY article
ORDER BY count(*) DESC, article COLLATE "C"
LIMIT 10;

-- name: retention
-- For each cohort, which is those who installed in a week: how many, and how many of them logged in in the next week.
SELECT week, count(*) AS installed, count(*) FILTER (WHERE came_back) AS returned,
       round(100.0 * count(*) FILTER (WHERE came_back) / count(*), 1) AS percent
FROM (
    SELECT date_trunc('week', happened_at)::date AS week,
           EXISTS (
               SELECT FROM event AS back
               WHERE back.user_id = event.user_id AND back.kind = 'LOG_IN'
                 AND back.happened_at >= date_trunc('week', event.happened_at) + interval '7 days'
                 AND back.happened_at < date_trunc('week', event.happened_at) + interval '14 days'
           ) AS came_back
    FROM event
    WHERE kind = 'FIRST_INSTALL'
      AND happened_at >= :first_week::date AND happened_at < :last_week::date + 7
) AS cohort
GROUP BY week
ORDER BY week;

-- name: likes_by_day
SELECT day, article, likes FROM daily_likes ORDER BY day, article COLLATE "C";

-- name: cohorts
SELECT installed.week, count(*) AS installed, count(active.user_id) AS returned
FROM installed LEFT JOIN active ON active.user_id = installed.user_id AND active.week = installed.week + 7
GROUP BY installed.week
ORDER BY installed.week;

-- name: active_users
SELECT week, count(*) AS users FROM active GROUP BY week ORDER BY week;

-- name: likes_differ_from_events
SELECT day, article, daily_likes.likes AS counted, events.likes
FROM daily_likes
FULL JOIN (SELECT liked_at::date AS day, article, count(*) AS likes FROM liked GROUP BY 1, 2) AS events
    USING (day, article)
WHERE daily_likes.likes IS DISTINCT FROM events.likes;

-- name: events_doubled
SELECT user_id, article, liked_at, count(*) AS events
FROM liked
GROUP BY user_id, article, liked_at
HAVING count(*) > 1;

-- name: installed_twice
SELECT user_id, count(*) AS installs FROM installed GROUP BY user_id HAVING count(*) > 1;

-- name: active_weeks_doubled
SELECT user_id, week, count(*) AS weeks FROM active GROUP BY user_id, week HAVING count(*) > 1;
