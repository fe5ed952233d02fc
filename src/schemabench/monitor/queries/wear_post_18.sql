-- As wear.sql, with the time that this took, which is told in milliseconds.
SELECT
    coalesce(sum(pg_catalog.pg_stat_get_dead_tuples(oid)) FILTER (WHERE relkind <> 't'), 0) AS dead_rows,
    coalesce(max(pg_catalog.age(relfrozenxid)) FILTER (WHERE relfrozenxid <> '0'), 0) AS xid_age,
    coalesce(sum(pg_catalog.pg_stat_get_autovacuum_count(oid)), 0) AS vacuums,
    coalesce(sum(pg_catalog.pg_stat_get_autoanalyze_count(oid)), 0) AS analyzes,
    coalesce(
        sum(pg_catalog.pg_stat_get_total_autovacuum_time(oid) + pg_catalog.pg_stat_get_total_autoanalyze_time(oid)), 0
    ) / 1000 AS vacuum_s
FROM pg_catalog.pg_class
WHERE
    relkind IN ('r', 'm', 't')
    AND oid >= 16384
