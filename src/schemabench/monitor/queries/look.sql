-- What each of the given sessions does, of those that are in a transaction, and what it waits for.
-- By function, since pg_stat_activity computes 30 columns for every session of the server, at ten times the price. Locks
-- are read once, and only where a session waits for one: reading them takes the locks that guard the lock table. What
-- is told of a lock is one text, in a subquery of its own, since every look pays for what joins and columns would need to
-- begin, though most have nothing to tell: 30 us of processor time instead of 57.
WITH session AS MATERIALIZED (
    SELECT
        pg_catalog.pg_stat_get_backend_pid(id) AS pid,
        pg_catalog.pg_stat_get_backend_wait_event_type(id) AS wait_class,
        pg_catalog.pg_stat_get_backend_wait_event(id) AS event,
        pg_catalog.pg_stat_get_backend_activity(id) AS activity
    FROM pg_catalog.pg_stat_get_backend_idset() AS id
    WHERE
        pg_catalog.pg_stat_get_backend_pid(id) = ANY ($1::integer [])
        AND pg_catalog.pg_stat_get_backend_xact_start(id) IS NOT NULL
),

lock AS MATERIALIZED (
    SELECT *
    FROM pg_catalog.pg_locks
    WHERE
        pid = ANY ($1::integer [])
        AND (
            NOT granted
            OR locktype = 'tuple'
            OR (locktype = 'relation' AND mode IN ('RowShareLock', 'RowExclusiveLock'))
        )
)

SELECT
    session.pid,
    left(session.activity, 100),
    session.wait_class,
    session.event,
    CASE WHEN session.wait_class = 'Lock' THEN (
        SELECT
            max(
                concat_ws(
                    ' ',
                    locktype,
                    mode,
                    concat_ws(
                        ',',
                        locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid, objsubid
                    ),
                    coalesce(extract(EPOCH FROM clock_timestamp() - waitstart), 0)
                )
            ) FILTER (WHERE NOT granted)
            || ' '
            || coalesce(
                max(relation::text) FILTER (WHERE NOT granted),
                max(relation::text) FILTER (WHERE locktype = 'tuple'),
                string_agg(relation::text, ',') FILTER (WHERE locktype = 'relation'),
                ''
            )
        FROM lock
        WHERE lock.pid = session.pid
    ) END,
    CASE WHEN session.wait_class = 'Lock' THEN
        array_to_string(pg_catalog.pg_blocking_pids(session.pid), ',')
    END
FROM session
