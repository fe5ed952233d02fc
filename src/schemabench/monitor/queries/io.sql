-- Blocks that sessions of clients had to write themselves, and those by which they made files longer: of the whole
-- server, and each operation is one block. Then blocks that autovacuum workers looked at while they vacuumed or analyzed,
-- in any database, told table by table as each is done; what a worker reads to find nothing to do is left out.
SELECT
    coalesce(sum(writes) FILTER (WHERE backend_type = 'client backend'), 0) AS blocks_written,
    coalesce(sum(extends) FILTER (WHERE backend_type = 'client backend'), 0) AS blocks_extended,
    coalesce(
        sum(hits + reads) FILTER (WHERE backend_type = 'autovacuum worker' AND context = 'vacuum'), 0
    ) AS vacuum_accesses
FROM pg_catalog.pg_stat_io
WHERE object = 'relation'
