-- What the planner reads of a database beside its rows. Only catalogs and statistics are read, no table.

-- name: relations
SELECT c.oid::bigint AS id, format('%I.%I', n.nspname, c.relname) AS name,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'm' THEN 'materialized view'
                      ELSE 'index' END AS kind,
       (SELECT format('%I.%I', rn.nspname, r.relname)
        FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
        WHERE r.oid = coalesce(pg_catalog.pg_partition_root(t.oid), t.oid)) AS root,
       c.reltuples AS rows, c.relpages AS pages, c.relallvisible AS visible
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
JOIN pg_catalog.pg_class t ON t.oid = coalesce(i.indrelid, c.oid)
WHERE c.relkind IN ('r', 'p', 'm', 'i') AND t.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e')
ORDER BY t.relispartition, t.oid, c.relkind = 'i', c.oid;

-- Of a partitioned table, the statistics of all partitions together.

-- name: columns
SELECT c.oid::bigint AS id, s.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, s.null_frac AS nulls,
       s.avg_width AS width, s.n_distinct AS distinct, s.correlation, s.most_common_freqs AS shares
FROM pg_catalog.pg_stats s
JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
WHERE s.inherited = (c.relkind = 'p') AND c.oid::bigint = ANY (%(ids)s)
ORDER BY c.oid, a.attnum;

-- Without the settings of the role that reads them.

-- name: settings
SELECT name, current_setting(name) AS value
FROM pg_catalog.pg_settings
WHERE (category LIKE 'Query Tuning%' OR name IN ('work_mem', 'hash_mem_multiplier', 'max_parallel_workers_per_gather'))
  AND setting IS DISTINCT FROM boot_val AND source NOT IN ('client', 'session', 'user', 'database user')
  AND context IN ('user', 'superuser')
ORDER BY name;

-- name: resized
UPDATE pg_catalog.pg_class SET relpages = %(pages)s, reltuples = %(rows)s, relallvisible = %(visible)s
WHERE oid = %(name)s::regclass;

-- name: slots
SELECT s.stainherit AS inherited, s.staattnum AS number, format_type(a.atttypid, a.atttypmod) AS type,
       ARRAY[s.stakind1, s.stakind2, s.stakind3, s.stakind4, s.stakind5] AS kinds,
       ARRAY[coalesce(cardinality(s.stanumbers1), 0), coalesce(cardinality(s.stanumbers2), 0),
             coalesce(cardinality(s.stanumbers3), 0), coalesce(cardinality(s.stanumbers4), 0),
             coalesce(cardinality(s.stanumbers5), 0)] AS counts
FROM pg_catalog.pg_statistic s
JOIN pg_catalog.pg_attribute a ON a.attrelid = s.starelid AND a.attnum = s.staattnum
WHERE s.starelid = %(name)s::regclass AND a.attname = %(column)s;

-- name: counted
UPDATE pg_catalog.pg_statistic
SET stanullfrac = %(nulls)s, stadistinct = %(distinct)s, stawidth = coalesce(%(width)s::int, stawidth),
    stanumbers1 = coalesce(%(numbers1)s::float4[], stanumbers1),
    stanumbers2 = coalesce(%(numbers2)s::float4[], stanumbers2),
    stanumbers3 = coalesce(%(numbers3)s::float4[], stanumbers3),
    stanumbers4 = coalesce(%(numbers4)s::float4[], stanumbers4),
    stanumbers5 = coalesce(%(numbers5)s::float4[], stanumbers5)
WHERE starelid = %(name)s::regclass AND staattnum = %(number)s AND stainherit = %(inherited)s;

-- name: added
INSERT INTO pg_catalog.pg_statistic (
    starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct, stakind1, stakind2, stakind3, stakind4, stakind5,
    staop1, staop2, staop3, staop4, staop5, stacoll1, stacoll2, stacoll3, stacoll4, stacoll5)
SELECT a.attrelid, a.attnum, c.relkind = 'p', %(nulls)s, %(width)s, %(distinct)s, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE a.attrelid = %(name)s::regclass AND a.attname = %(column)s AND NOT a.attisdropped;

-- The files of tables and indexes in the database's own folder, and the bytes of each index's key.

-- name: files
SELECT pg_catalog.pg_relation_filepath(c.oid) AS path, c.relpages AS pages,
       current_setting('block_size')::int AS page_bytes, coalesce(m.amname = 'btree', false) AS is_btree,
       (SELECT coalesce(sum(coalesce(own.stawidth, s.stawidth, 8)), 8)
        FROM unnest(i.indkey[0 : i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, place)
        LEFT JOIN pg_catalog.pg_statistic s
               ON s.starelid = i.indrelid AND s.staattnum = k.attnum AND NOT s.stainherit
        LEFT JOIN pg_catalog.pg_statistic own
               ON own.starelid = i.indexrelid AND own.staattnum = k.place)::int AS key_bytes
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE c.relkind IN ('r', 'm', 'i') AND c.reltablespace = 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- What a new index has to hold, by the statistics of its table.

-- name: keys
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, current_setting('block_size')::int AS page_bytes,
       greatest(0, t.reltuples)::float8 AS rows, m.amname = 'btree' AND i.indpred IS NULL AS is_whole,
       k.key_bytes, least(greatest(0, t.reltuples), k.distinct)::float8 AS distinct,
       coalesce((SELECT option_value::float8 FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), 90)
       / 100 AS fill,
       NOT i.indisunique AND i.indnkeyatts = i.indnatts AND k.shared AS shared
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am m ON m.oid = c.relam
JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(s.stawidth) = i.indnatts THEN sum(s.stawidth)::int END AS key_bytes,
           exp(sum(ln(greatest(1, CASE WHEN s.stadistinct > 0 THEN s.stadistinct
                                       WHEN s.stadistinct < 0 THEN -s.stadistinct * t.reltuples
                                       ELSE t.reltuples END)::float8))
               FILTER (WHERE a.place <= i.indnkeyatts)) AS distinct,
           bool_and(EXISTS (
               SELECT FROM pg_catalog.pg_opclass o
               JOIN pg_catalog.pg_amproc p ON p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype
                                          AND p.amprocrighttype = o.opcintype AND p.amprocnum = 4
               WHERE o.oid = i.indclass[a.place - 1])) FILTER (WHERE a.place <= i.indnkeyatts) AS shared
    FROM unnest(i.indkey) WITH ORDINALITY AS a (attnum, place)
    LEFT JOIN pg_catalog.pg_statistic s ON s.starelid = i.indrelid AND s.staattnum = a.attnum AND NOT s.stainherit
) AS k
WHERE c.oid = ANY (%(names)s::regclass[]);
