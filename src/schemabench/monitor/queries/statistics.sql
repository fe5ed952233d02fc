-- What the planner believes of each table, beside what is there. Live rows are counted since the database was made: rows
-- that a template of it held are left out, until the table is vacuumed or analyzed.
SELECT
    relname::text AS name,
    coalesce(pg_catalog.pg_partition_root(oid)::oid, oid)::pg_catalog.regclass::text AS root,
    reltuples AS believed_rows,
    pg_catalog.pg_stat_get_live_tuples(oid) AS live_rows,
    pg_catalog.pg_relation_size(oid) / current_setting('block_size')::integer AS pages
FROM pg_catalog.pg_class
WHERE
    relkind IN ('r', 'm')
    AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
