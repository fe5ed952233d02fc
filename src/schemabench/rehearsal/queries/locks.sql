-- What one session holds and waits for, and who waits for it. Sessions that wait are few, and only for them is it asked
-- who blocks whom, which takes the locks that guard the lock table. A relation without a name is one that a transaction
-- is making: nobody else sees it. Locks on catalogs are no candidate's, and those on TOAST tables follow their table's.
WITH lock AS MATERIALIZED (
    SELECT
        lock.pid,
        lock.mode,
        lock.granted,
        lock.locktype,
        relation.oid::regclass::text AS relation,
        extract(EPOCH FROM clock_timestamp() - lock.waitstart) AS waited_s
    FROM pg_catalog.pg_lock_status() AS lock
    LEFT JOIN pg_catalog.pg_class AS relation
        ON
            lock.locktype = 'relation' AND lock.relation = relation.oid
            AND relation.relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
    WHERE lock.pid = $1 OR NOT lock.granted
)

SELECT
    'own',
    mode,
    CASE WHEN locktype = 'relation' THEN relation ELSE locktype END,
    granted,
    coalesce(waited_s, 0),
    0,
    NULL
FROM lock
WHERE pid = $1 AND (relation IS NOT NULL OR NOT granted)
UNION ALL
SELECT
    'waiter',
    mode,
    coalesce(relation, locktype),
    FALSE,
    coalesce(waited_s, 0),
    pid,
    (SELECT activity.query FROM pg_catalog.pg_stat_get_activity(lock.pid) AS activity)
FROM lock
WHERE NOT granted AND pid <> $1 AND $1 = ANY(pg_catalog.pg_blocking_pids(pid))
