-- As client_io.sql, where one operation may be many blocks.
SELECT
    coalesce(sum(write_bytes), 0) / current_setting('block_size')::integer AS blocks_written,
    coalesce(sum(extend_bytes), 0) / current_setting('block_size')::integer AS blocks_extended
FROM pg_catalog.pg_stat_io
WHERE backend_type = 'client backend' AND object = 'relation'
