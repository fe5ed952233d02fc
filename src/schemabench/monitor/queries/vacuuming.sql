-- The databases in which a vacuum or an analyze of autovacuum is under way, a row for each. Calls of clients are left out,
-- which are shown to the role that made them; whom autovacuum works for is shown to any role.
SELECT progress.datname
FROM (
    SELECT
        pid,
        datname
    FROM pg_catalog.pg_stat_progress_vacuum
    UNION ALL
    SELECT
        pid,
        datname
    FROM pg_catalog.pg_stat_progress_analyze
) AS progress
LEFT JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = progress.pid
WHERE progress.datname IS NOT NULL AND activity.backend_type IS DISTINCT FROM 'client backend'
