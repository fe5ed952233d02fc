-- Rows that were written in databases that are not of the run that this database is of, whose names begin alike, as in
-- sb_3f2a_orders. By function, since pg_stat_database is read with pg_database twice.
SELECT
    coalesce(
        sum(
            pg_catalog.pg_stat_get_db_tuples_inserted(oid)
            + pg_catalog.pg_stat_get_db_tuples_updated(oid)
            + pg_catalog.pg_stat_get_db_tuples_deleted(oid)
        ),
        0
    ) AS strangers_rows
FROM pg_catalog.pg_database
WHERE NOT starts_with(datname, substring(current_database() FROM '^[^_]*_[^_]*_'))
