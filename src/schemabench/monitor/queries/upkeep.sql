-- What autovacuum decides by, of each table that has changed at all: its counts since it was last looked after, its size,
-- and its own settings. A TOAST table goes by the name of the table that it belongs to, whose vacuum takes it along, and
-- has the settings of that if it has none. Version 18 tells how many pages are frozen, whose rows it leaves out of the
-- threshold of insertions; older versions, which have no such column, get 0 in its place.
SELECT
    relation.oid::bigint AS oid,
    owner.oid::bigint AS owner,
    format('%s.%I', owner.relnamespace::regnamespace, owner.relname) AS name,
    relation.relkind = 't' AS is_toast,
    greatest(relation.reltuples, 0)::float8 AS tuples,
    pg_catalog.pg_stat_get_dead_tuples(relation.oid)::float8 AS dead,
    pg_catalog.pg_stat_get_ins_since_vacuum(relation.oid)::float8 AS inserted,
    pg_catalog.pg_stat_get_mod_since_analyze(relation.oid)::float8 AS modified,
    CASE WHEN relation.relpages > 0
        THEN 1 - least(relation.relallfrozen::float8 / relation.relpages, 1)
    ELSE 1 END AS unfrozen,
    coalesce(
        (
            SELECT json_object_agg(option_name, option_value)
            FROM pg_catalog.pg_options_to_table(coalesce(relation.reloptions, owner.reloptions))
        ),
        '{}'
    ) AS options
FROM pg_catalog.pg_class AS relation
LEFT JOIN pg_catalog.pg_class AS main ON main.reltoastrelid = relation.oid
INNER JOIN pg_catalog.pg_class AS owner
    ON owner.oid = CASE WHEN relation.relkind = 't' THEN main.oid ELSE relation.oid END
WHERE
    relation.relkind IN ('r', 'm', 't')
    AND owner.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    AND owner.relpersistence <> 't'
