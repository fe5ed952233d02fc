-- What each of the given sessions does, of those that are in a transaction, and what it waits for.
-- By function, since pg_stat_activity computes 30 columns for every session of the server, at ten times the price. Locks
-- are read once, and only where a session waits for one: reading them takes the locks that guard the lock table.
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

waited AS (
    SELECT
        pid,
        max(locktype) FILTER (WHERE NOT granted) AS kind,
        max(mode) FILTER (WHERE NOT granted) AS mode,
        max(
            concat_ws(
                ',', locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid, objsubid
            )
        ) FILTER (WHERE NOT granted) AS target,
        max(extract(EPOCH FROM clock_timestamp() - waitstart)) FILTER (WHERE NOT granted) AS seconds,
        coalesce(
            max(relation::text) FILTER (WHERE NOT granted),
            max(relation::text) FILTER (WHERE locktype = 'tuple'),
            string_agg(relation::text, ',') FILTER (
                WHERE locktype = 'relation' AND mode IN ('RowShareLock', 'RowExclusiveLock')
            )
        ) AS relations
    FROM pg_catalog.pg_locks
    WHERE EXISTS (SELECT FROM session WHERE wait_class = 'Lock')
    GROUP BY pid
)

SELECT
    session.pid,
    left(session.activity, 100),
    session.wait_class,
    session.event,
    waited.kind,
    waited.mode,
    waited.target,
    waited.seconds,
    waited.relations,
    CASE WHEN waited.kind IS NOT NULL THEN array_to_string(pg_catalog.pg_blocking_pids(session.pid), ',') END
FROM session
LEFT JOIN waited ON session.pid = waited.pid AND session.wait_class = 'Lock'
