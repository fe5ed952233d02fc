-- What is read of a live database beside its statements. Only catalogs and statistics are read, no table.

-- name: server
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS version_num,
       current_database() AS database,
       current_user AS role,
       now() AS read_at;

-- name: extension
SELECT n.nspname AS schema, e.extversion AS version
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements';

-- name: schemas
SELECT n.nspname AS name, has_schema_privilege(n.oid, 'USAGE') AS usable
FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
ORDER BY n.nspname <> 'public', n.nspname;

-- A partitioned table counts as one table.

-- name: tables
SELECT c.oid::bigint AS id, n.nspname AS schema, c.relname AS name,
       (SELECT coalesce(sum(CASE WHEN l.reltuples > 0 THEN l.reltuples ELSE pg_stat_get_live_tuples(l.oid) END), 0)
        FROM pg_catalog.pg_class l WHERE l.oid = ANY (leaf.ids))::bigint AS rows,
       (SELECT coalesce(sum(pg_stat_get_tuples_inserted(one)), 0) FROM unnest(leaf.ids) one)::bigint AS inserted,
       (SELECT coalesce(sum(pg_stat_get_tuples_updated(one)), 0) FROM unnest(leaf.ids) one)::bigint AS updated,
       (SELECT coalesce(sum(pg_stat_get_tuples_deleted(one)), 0) FROM unnest(leaf.ids) one)::bigint AS deleted,
       EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.relkind = 'p'
                THEN ARRAY(SELECT p.relid::oid FROM pg_partition_tree(c.oid) p WHERE p.isleaf)
                ELSE ARRAY[c.oid] END AS ids) AS leaf
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname <> 'public', n.nspname, c.relname;

-- The sequence that a column owns: pg_get_serial_sequence() takes the right to use the table's schema.

-- name: columns
WITH RECURSIVE typed AS (
    SELECT a.attrelid, a.attnum, a.atttypid AS type FROM pg_catalog.pg_attribute a
    WHERE a.attrelid::bigint = ANY (%(tables)s) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT typed.attrelid, typed.attnum, t.typbasetype
    FROM typed JOIN pg_catalog.pg_type t ON t.oid = typed.type WHERE t.typtype = 'd'
)
SELECT a.attrelid::bigint AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       t.typname AS base, CASE t.typtype WHEN 'e' THEN 'E' ELSE t.typcategory::text END AS category,
       a.attnotnull AS required, a.attgenerated <> '' AS generated,
       (SELECT format('%%I.%%I', n.nspname, s.relname)
        FROM pg_catalog.pg_depend o
        JOIN pg_catalog.pg_class s ON s.oid = o.objid AND s.relkind = 'S'
        JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
        WHERE o.classid = 'pg_catalog.pg_class'::regclass AND o.refclassid = 'pg_catalog.pg_class'::regclass
          AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i')
        ORDER BY s.oid LIMIT 1) AS sequence,
       pg_get_expr(d.adbin, d.adrelid) AS default,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
           AS labels
FROM pg_catalog.pg_attribute a
JOIN typed USING (attrelid, attnum)
JOIN pg_catalog.pg_type t ON t.oid = typed.type AND t.typtype <> 'd'
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
ORDER BY a.attrelid, a.attnum;

-- name: unique_keys
SELECT i.indrelid::bigint AS table, i.indisprimary AS primary,
       i.indisunique AND i.indpred IS NULL AND 0 <> ALL (i.indkey[0 : i.indnkeyatts - 1]) AS whole,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0 : i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.place)
       || ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = i.indrelid AND i.indexprs IS NOT NULL AND a.attnum > 0
                  AND a.attnum <> ALL (i.indkey::int2[]) AND EXISTS (
                    SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
                      AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum)
                  AND position(quote_ident(a.attname) IN pg_get_expr(i.indexprs, i.indrelid)) > 0 ORDER BY a.attnum)
           AS columns
FROM pg_catalog.pg_index i
WHERE i.indrelid::bigint = ANY (%(tables)s) AND (i.indisunique OR i.indisexclusion) AND i.indisvalid
ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid;

-- name: partial_indexes
SELECT i.indrelid::bigint AS table, pg_get_expr(i.indpred, i.indrelid) AS predicate,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0 : i.indnkeyatts - 1])) AS columns
FROM pg_catalog.pg_index i
WHERE i.indrelid::bigint = ANY (%(tables)s) AND i.indpred IS NOT NULL AND i.indisvalid
ORDER BY i.indrelid, i.indexrelid;

-- name: references
SELECT c.conrelid::bigint AS table, c.conname AS name, c.confrelid::bigint AS target,
       pg_get_constraintdef(c.oid) AS definition,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.place)
           AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.place)
           AS keys
FROM pg_catalog.pg_constraint c
WHERE c.conrelid::bigint = ANY (%(tables)s) AND c.contype = 'f' AND c.conparentid = 0
ORDER BY c.conrelid, cardinality(c.conkey) DESC, c.conname;

-- name: checks
SELECT c.conrelid::bigint AS table, pg_get_constraintdef(c.oid) AS definition,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) AS columns
FROM pg_catalog.pg_constraint c
WHERE c.conrelid::bigint = ANY (%(tables)s) AND c.contype = 'c'
ORDER BY c.conrelid, c.conname;

-- What triggers do: the text of their functions, or the arguments of those that have none.

-- name: triggers
SELECT t.tgrelid::bigint AS table,
       CASE WHEN l.lanname IN ('c', 'internal') THEN replace(encode(t.tgargs, 'escape'), '\000', ' ') ELSE p.prosrc END
           AS text,
       l.lanname IN ('c', 'internal') AS compiled
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE t.tgrelid::bigint = ANY (%(tables)s) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
ORDER BY t.tgrelid, t.tgname;

-- Of texts, only the shape is read: which characters are letters and digits. Of numbers, times, booleans and enums the
-- values are, and of anything else nothing but how often values repeat. With `values`, everything is read. In a shape,
-- chr(127), which every encoding has, stands for all that ASCII lacks.

-- name: statistics
SELECT s.table, s.name, s.null_frac, s.n_distinct, s.avg_width, s.correlation, s.freqs,
       CASE WHEN s.plain OR %(values)s THEN s.common
            WHEN s.text THEN ARRAY(SELECT shape.of FROM unnest(s.common) WITH ORDINALITY AS v (value, place)
                CROSS JOIN LATERAL (SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
                    v.value, '[^ -~]', chr(127), 'g'), '[{}]', '(', 'g'), '[A-Z]', 'A', 'g'), '[a-z]', 'a', 'g'),
                    '[0-9]', '9', 'g') AS of) AS shape ORDER BY v.place)
       END AS common,
       CASE WHEN s.plain OR %(values)s THEN s.bounds
            WHEN s.text THEN ARRAY(SELECT shape.of FROM unnest(s.bounds) WITH ORDINALITY AS v (value, place)
                CROSS JOIN LATERAL (SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
                    v.value, '[^ -~]', chr(127), 'g'), '[{}]', '(', 'g'), '[A-Z]', 'A', 'g'), '[a-z]', 'a', 'g'),
                    '[0-9]', '9', 'g') AS of) AS shape ORDER BY v.place)
       END AS bounds,
       CASE WHEN s.plain_elements OR %(values)s THEN s.elements
            WHEN s.text_elements THEN ARRAY(SELECT shape.of FROM unnest(s.elements) WITH ORDINALITY AS v (value, place)
                CROSS JOIN LATERAL (SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
                    v.value, '[^ -~]', chr(127), 'g'), '[{}]', '(', 'g'), '[A-Z]', 'A', 'g'), '[a-z]', 'a', 'g'),
                    '[0-9]', '9', 'g') AS of) AS shape ORDER BY v.place)
       END AS elements, s.element_freqs, s.element_counts
FROM (
    SELECT c.oid::bigint AS table, a.attname AS name, s.null_frac, s.n_distinct, s.avg_width, s.correlation,
           s.most_common_freqs AS freqs, s.most_common_vals::text::text[] AS common,
           s.histogram_bounds::text::text[] AS bounds,
           t.typcategory IN ('N', 'D', 'B', 'T') OR t.typtype = 'e' AS plain, t.typcategory = 'S' AS text,
           s.most_common_elems::text::text[] AS elements, s.most_common_elem_freqs AS element_freqs,
           s.elem_count_histogram AS element_counts, t.typcategory = 'A' AND e.typcategory = 'S' AS text_elements,
           t.typcategory = 'A' AND (e.typcategory = 'N' OR e.typtype = 'e') AS plain_elements
    FROM pg_catalog.pg_stats s
    JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
    WHERE c.oid::bigint = ANY (%(tables)s) AND s.inherited = (c.relkind = 'p')
) AS s;

-- name: functions
SELECT DISTINCT p.proname::text AS name
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');

-- Indexes that no query has read since the server's counters were reset, other than those that keep rows apart.

-- name: unused_indexes
SELECT n.nspname AS schema, c.relname AS name, d.stats_reset AS since
FROM pg_catalog.pg_stat_user_indexes s
JOIN pg_catalog.pg_index i ON i.indexrelid = s.indexrelid
JOIN pg_catalog.pg_class c ON c.oid = s.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_stat_database d ON d.datname = current_database()
WHERE s.idx_scan = 0 AND NOT i.indisunique AND NOT i.indisexclusion AND NOT c.relispartition
  AND i.indrelid::bigint = ANY (%(tables)s)
ORDER BY n.nspname, c.relname;

-- Materialized views, those that others read first.

-- name: views
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY c.oid;

-- A schema by the catalogs, for a role that pg_dump cannot work for: it locks every table, which takes the right to read
-- it. Functions come before the tables whose defaults call them, unless they are about tables. Policies, rules,
-- aggregates, collations, extended statistics, and types other than enums and domains are not here.

-- name: definitions
WITH own AS (
    SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), foreign_things AS (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), relations AS (
    SELECT c.*, own.nspname,
           CASE WHEN c.reloptions IS NULL THEN '' ELSE format(' WITH (%s)', array_to_string(c.reloptions, ', ')) END AS options
    FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
    WHERE ('pg_catalog.pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM foreign_things)
), functions AS (
    SELECT p.oid, EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        LEFT JOIN pg_catalog.pg_type t ON d.refclassid = 'pg_catalog.pg_type'::regclass AND t.oid = d.refobjid
        LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid
          AND (d.refclassid = 'pg_catalog.pg_class'::regclass OR t.typrelid <> 0 OR e.typrelid <> 0)) AS of_tables
    FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p') AND ('pg_catalog.pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM foreign_things)
), types AS (
    SELECT t.*, own.nspname FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
    WHERE ('pg_catalog.pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM foreign_things)
)
SELECT made.statement FROM (
    SELECT 0 AS step, own.oid, format('CREATE SCHEMA IF NOT EXISTS %I', own.nspname) AS statement FROM own
    UNION ALL
    SELECT 1, e.oid, format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I', e.extname, n.nspname)
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname NOT IN ('plpgsql', 'pg_stat_statements')
    UNION ALL
    SELECT 2, t.oid, format('CREATE TYPE %I.%I AS ENUM (%s)', t.nspname, t.typname,
        (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
         FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid))
    FROM types t WHERE t.typtype = 'e'
    UNION ALL
    SELECT 3, t.oid, format('CREATE DOMAIN %I.%I AS %s %s', t.nspname, t.typname,
        format_type(t.typbasetype, t.typtypmod),
        (SELECT string_agg(pg_get_constraintdef(k.oid), ' ') FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid))
    FROM types t WHERE t.typtype = 'd'
    UNION ALL
    SELECT 4, c.oid, format('CREATE SEQUENCE %I.%I', c.nspname, c.relname)
    FROM relations c
    WHERE c.relkind = 'S' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')
    UNION ALL
    SELECT 5, 0, 'SET check_function_bodies = false'
    UNION ALL
    SELECT CASE WHEN f.of_tables THEN 12 ELSE 6 END, f.oid, pg_get_functiondef(f.oid) FROM functions f
    UNION ALL
    SELECT 7, c.oid, format('CREATE %sTABLE %I.%I (%s)%s%s', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END,
        c.nspname, c.relname,
        (SELECT string_agg(
            format(E'\n    %I %s', a.attname, format_type(a.atttypid, a.atttypmod))
            || CASE WHEN a.attcollation <> t.typcollation
                    THEN format(' COLLATE %s.%I', o.collnamespace::regnamespace, o.collname) ELSE '' END
            || CASE WHEN a.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s) %s', pg_get_expr(d.adbin, c.oid),
                        CASE a.attgenerated WHEN 'v' THEN 'VIRTUAL' ELSE 'STORED' END)
                    WHEN a.attidentity = 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
                    WHEN a.attidentity = 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY'
                    WHEN d.oid IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, c.oid) ELSE '' END
            || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, ',' ORDER BY a.attnum)
         FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
         LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
         LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        CASE c.relkind WHEN 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(c.oid) ELSE '' END, c.options)
    FROM relations c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
    UNION ALL
    SELECT 8, c.oid, format('CREATE TABLE %I.%I PARTITION OF %s %s%s%s', c.nspname, c.relname, h.inhparent::regclass,
        pg_get_expr(c.relpartbound, c.oid),
        CASE c.relkind WHEN 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(c.oid) ELSE '' END, c.options)
    FROM relations c JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid
    WHERE c.relkind IN ('r', 'p') AND c.relispartition
    UNION ALL
    SELECT CASE k.contype WHEN 'f' THEN 11 ELSE 9 END, k.oid,
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
    FROM pg_catalog.pg_constraint k JOIN relations c ON c.oid = k.conrelid
    WHERE k.contype IN ('p', 'u', 'x', 'c', 'f') AND k.conparentid = 0 AND k.conislocal
    UNION ALL
    SELECT 13, c.oid, format('CREATE %sVIEW %I.%I%s AS %s%s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END,
        c.nspname, c.relname, c.options, rtrim(pg_get_viewdef(c.oid), ';'), CASE c.relkind WHEN 'm' THEN ' WITH NO DATA' ELSE '' END)
    FROM relations c WHERE c.relkind IN ('v', 'm')
    UNION ALL
    SELECT CASE r.relkind WHEN 'm' THEN 14 ELSE 10 END, i.indexrelid, pg_get_indexdef(i.indexrelid)
    FROM pg_catalog.pg_index i
    JOIN relations c ON c.oid = i.indexrelid
    JOIN relations r ON r.oid = i.indrelid AND r.relkind IN ('r', 'p', 'm') AND r.relpersistence <> 't'
    WHERE NOT c.relispartition AND i.indisvalid
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid)
    UNION ALL
    SELECT 15, t.oid, pg_get_triggerdef(t.oid)
    FROM pg_catalog.pg_trigger t JOIN relations c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgparentid = 0
) AS made
ORDER BY made.step, made.oid;
