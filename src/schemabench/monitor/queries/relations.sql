-- Every relation of the database under the name that people know it by, and the topmost parent of each partition. A TOAST
-- table and its index have names of the server's own: they go by the table that they belong to.
SELECT
    relation.oid::bigint,
    named.prefix || named.oid::regclass::text,
    named.prefix || root.oid::regclass::text,
    root.oid::bigint,
    relation.relkind IN ('r', 'p')
FROM pg_catalog.pg_class AS relation
LEFT JOIN pg_catalog.pg_index AS indexed ON indexed.indexrelid = relation.oid
LEFT JOIN pg_catalog.pg_class AS owner ON owner.reltoastrelid = coalesce(indexed.indrelid, relation.oid)
CROSS JOIN LATERAL (
    SELECT
        coalesce(owner.oid, relation.oid) AS oid,
        CASE
            WHEN owner.oid IS NULL THEN ''
            WHEN indexed.indexrelid IS NULL THEN 'TOAST of '
            ELSE 'index on TOAST of '
        END AS prefix,
        CASE WHEN owner.oid IS NULL THEN relation.relispartition ELSE owner.relispartition END AS is_partition
) AS named
LEFT JOIN LATERAL (SELECT pg_catalog.pg_partition_root(named.oid)::oid AS oid) AS root ON named.is_partition
