-- Blocks that sessions of clients had to write themselves, and those by which they made files longer: of the whole
-- server, and each operation is one block.
SELECT
    coalesce(sum(writes), 0) AS blocks_written,
    coalesce(sum(extends), 0) AS blocks_extended
FROM pg_catalog.pg_stat_io
WHERE backend_type = 'client backend' AND object = 'relation'
