-- Tables with their TOAST, free space and visibility maps, and indexes apart; each partition is a table of its own.
SELECT
    coalesce(sum(pg_catalog.pg_table_size(oid)) FILTER (WHERE relkind <> 'i'), 0) AS table_bytes,
    coalesce(sum(pg_catalog.pg_table_size(oid)) FILTER (WHERE relkind = 'i'), 0) AS index_bytes
FROM pg_catalog.pg_class
WHERE
    relkind IN ('r', 'm', 'i')
    AND relnamespace NOT IN (
        'pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace
    )
