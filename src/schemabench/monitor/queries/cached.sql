-- How much of each database's tables and indexes is in shared_buffers. Catalogs are told from them by the number of
-- their file, which is below FirstNormalObjectId (access/transam.h).
SELECT
    datname::text AS name,
    count(*) * current_setting('block_size')::bigint AS cached_bytes
FROM pg_buffercache
INNER JOIN pg_catalog.pg_database ON oid = reldatabase
WHERE relfilenode >= 16384
GROUP BY datname
