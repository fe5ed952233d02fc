-- What one session holds and waits for, who blocks it, and who waits for it. Sessions that wait are few, and only for
-- them is it asked who blocks whom, which takes the locks that guard the lock table. A relation without a name is one that
-- a transaction is making: nobody else sees it. Locks on catalogs that are held are no candidate's, and those on TOAST
-- tables follow their table's.
WITH lock AS MATERIALIZED (
    SELECT
        lock.pid,
        lock.mode,
        lock.granted,
        coalesce(relation.oid::regclass::text, lock.locktype) AS target,
        relation.relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace) AS is_told,
        coalesce(extract(EPOCH FROM clock_timestamp() - lock.waitstart), 0) AS waited_s,
        CASE WHEN NOT lock.granted THEN pg_catalog.pg_blocking_pids(lock.pid) END AS blockers
    FROM pg_catalog.pg_lock_status() AS lock
    LEFT JOIN pg_catalog.pg_class AS relation ON lock.locktype = 'relation' AND lock.relation = relation.oid
    WHERE lock.pid = $1 OR NOT lock.granted
),

other AS (
    SELECT
        'blocker' AS kind,
        lock.*,
        blocker.pid AS other_pid
    FROM lock
    CROSS JOIN LATERAL unnest(lock.blockers) AS blocker (pid)
    WHERE lock.pid = $1
    UNION ALL
    SELECT
        'waiter',
        lock.*,
        lock.pid
    FROM lock
    WHERE lock.pid <> $1 AND $1 = ANY(lock.blockers)
)

SELECT
    'own',
    mode,
    target,
    granted,
    waited_s,
    0,
    NULL,
    NULL
FROM lock
WHERE pid = $1 AND (is_told OR NOT granted)
UNION ALL
SELECT
    other.kind,
    other.mode,
    other.target,
    FALSE,
    other.waited_s,
    other.other_pid,
    activity.usesysid::regrole::text,
    activity.query
FROM other
LEFT JOIN LATERAL pg_catalog.pg_stat_get_activity(other.other_pid) AS activity ON TRUE
