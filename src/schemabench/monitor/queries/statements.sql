-- By function and without texts, which would be read from a file each time. It is found by the search path, since the
-- extension may be in any schema.
SELECT coalesce(sum(shared_blks_dirtied), 0) AS blocks_dirtied
FROM pg_stat_statements(false)
WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
