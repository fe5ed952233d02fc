-- As io.sql, where one operation may be many blocks.
SELECT
    coalesce(sum(write_bytes) FILTER (WHERE backend_type = 'client backend'), 0)
    / current_setting('block_size')::integer AS blocks_written,
    coalesce(sum(extend_bytes) FILTER (WHERE backend_type = 'client backend'), 0)
    / current_setting('block_size')::integer AS blocks_extended,
    coalesce(
        sum(hits + reads) FILTER (WHERE backend_type = 'autovacuum worker' AND context = 'vacuum'), 0
    ) AS vacuum_accesses
FROM pg_catalog.pg_stat_io
WHERE object = 'relation'
