-- What each of the given sessions does, of those that are in a transaction, and what it waits for.
-- By function, since pg_stat_activity computes 30 columns for every session of the server, at ten times the price. All
-- sessions are read, by being sorted, before locks are, and locks once, and only where a session waits for one: reading
-- them takes the locks that guard the lock table. Every look pays for what its parts need to begin, though most have no
-- lock to tell: hence no aggregates, no view, and locks in a subquery of their own, each as the text of its row, for the
-- sampler to choose from. varchar leaves short texts alone, where left() counts their characters.
WITH lock AS MATERIALIZED (
    SELECT
        pid,
        granted,
        mode,
        extract(EPOCH FROM clock_timestamp() - waitstart) AS waited_s,
        locktype,
        database,
        relation,
        page,
        tuple,
        virtualxid,
        transactionid,
        classid,
        objid,
        objsubid
    FROM pg_catalog.pg_lock_status()
    WHERE
        pid = ANY ($1::integer [])
        AND (
            NOT granted
            OR (locktype = 'tuple' AND mode <> 'SIReadLock')
            OR (locktype = 'relation' AND mode IN ('RowShareLock', 'RowExclusiveLock'))
        )
)

SELECT
    session.pid,
    session.activity::varchar(100),
    session.wait_class,
    session.event,
    CASE WHEN session.wait_class = 'Lock' THEN
        array_to_string(ARRAY(SELECT lock::text FROM lock WHERE lock.pid = session.pid), ' ')
    END,
    CASE WHEN session.wait_class = 'Lock' THEN
        array_to_string(pg_catalog.pg_blocking_pids(session.pid), ',')
    END
FROM (
    SELECT
        pg_catalog.pg_stat_get_backend_pid(id) AS pid,
        pg_catalog.pg_stat_get_backend_wait_event_type(id) AS wait_class,
        pg_catalog.pg_stat_get_backend_wait_event(id) AS event,
        pg_catalog.pg_stat_get_backend_activity(id) AS activity
    FROM pg_catalog.pg_stat_get_backend_idset() AS id
    WHERE
        pg_catalog.pg_stat_get_backend_pid(id) = ANY ($1::integer [])
        AND pg_catalog.pg_stat_get_backend_xact_start(id) IS NOT NULL
    ORDER BY pid
) AS session
