-- Every relation of the database, and the topmost parent of each partition.
SELECT
    oid::bigint,
    oid::pg_catalog.regclass::text,
    CASE WHEN relispartition THEN pg_catalog.pg_partition_root(oid)::oid END::bigint,
    relkind IN ('r', 'p')
FROM pg_catalog.pg_class
WHERE relkind IN ('r', 'p', 'i', 'I', 'm', 'S')
