-- candidate: same_week_counts
-- mutant of: table_per_event
-- summary: a log-in in the week of the install counts as coming back
-- name: retention
SELECT week, count(*) AS installed, count(*) FILTER (WHERE came_back) AS returned,
       round(100.0 * count(*) FILTER (WHERE came_back) / count(*), 1) AS percent
FROM (
    SELECT date_trunc('week', installed_at)::date AS week,
           EXISTS (
               SELECT FROM log_in AS back
               WHERE back.user_id = install.user_id
                 AND back.logged_in_at >= date_trunc('week', installed_at)
                 AND back.logged_in_at < date_trunc('week', installed_at) + interval '14 days'
           ) AS came_back
    FROM install
    WHERE installed_at >= :first_week::date AND installed_at < :last_week::date + 7
) AS cohort
GROUP BY week
ORDER BY week;
