SELECT
    blks_hit AS blocks_hit,
    blks_read AS blocks_read,
    temp_bytes,
    deadlocks
FROM pg_catalog.pg_stat_database
WHERE datname = current_database()
