-- What happened to the rows of users' tables and materialized views; autovacuum is counted wherever it was at work.
-- TOAST is left out of the rows: a value out of line is no row of its own, and its price shows in blocks, bytes and WAL.
-- By function, since pg_stat_user_tables joins and groups all indexes for columns that are not needed, at twice the price.
SELECT
    coalesce(sum(pg_catalog.pg_stat_get_tuples_updated(oid)) FILTER (WHERE holds_rows), 0) AS rows_updated,
    coalesce(sum(pg_catalog.pg_stat_get_tuples_hot_updated(oid)) FILTER (WHERE holds_rows), 0) AS rows_hot_updated,
    coalesce(
        sum(pg_catalog.pg_stat_get_tuples_updated(oid) + pg_catalog.pg_stat_get_tuples_deleted(oid))
        FILTER (WHERE holds_rows),
        0
    ) AS rows_dead,
    coalesce(sum(pg_catalog.pg_stat_get_numscans(oid)) FILTER (WHERE holds_rows), 0) AS seq_scans,
    coalesce(
        sum(pg_catalog.pg_stat_get_autovacuum_count(oid) + pg_catalog.pg_stat_get_autoanalyze_count(oid)), 0
    ) AS autovacuums
FROM (
    SELECT
        oid,
        relkind <> 't'
        AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AS holds_rows
    FROM pg_catalog.pg_class
    WHERE relkind IN ('r', 'm', 't')
) AS relation
