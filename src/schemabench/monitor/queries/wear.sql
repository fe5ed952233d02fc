-- What use has left in the tables of users, the transactions since the oldest row that is not frozen, and how often
-- autovacuum has looked after them: TOAST counts with its table, though a value out of line is no row of its own. The
-- catalogs, whose TOAST tables are where those of users are, have the object ids below the first one of users.
SELECT
    coalesce(sum(pg_catalog.pg_stat_get_dead_tuples(oid)) FILTER (WHERE relkind <> 't'), 0) AS dead_rows,
    coalesce(max(pg_catalog.age(relfrozenxid)) FILTER (WHERE relfrozenxid <> '0'), 0) AS xid_age,
    coalesce(sum(pg_catalog.pg_stat_get_autovacuum_count(oid)), 0) AS vacuums,
    coalesce(sum(pg_catalog.pg_stat_get_autoanalyze_count(oid)), 0) AS analyzes
FROM pg_catalog.pg_class
WHERE
    relkind IN ('r', 'm', 't')
    AND oid >= 16384
