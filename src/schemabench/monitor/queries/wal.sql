-- What the whole server wrote to its log: there is no such count by database.
SELECT
    wal_bytes,
    wal_records,
    wal_fpi
FROM pg_catalog.pg_stat_wal
