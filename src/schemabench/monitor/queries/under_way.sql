-- Tables that are being vacuumed or analyzed at this moment, in any database of the server, by whomever. By function:
-- the views join the names of databases.
SELECT
    (SELECT count(*) FROM pg_catalog.pg_stat_get_progress_info('VACUUM'))
    + (SELECT count(*) FROM pg_catalog.pg_stat_get_progress_info('ANALYZE')) AS vacuums_under_way
