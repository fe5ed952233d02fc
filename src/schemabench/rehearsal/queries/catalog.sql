-- What a database consists of, in words that are equal in two databases with equal schemas: no object ids, no sizes, no
-- places of dropped columns. Objects of extensions are their extension's.
WITH namespace AS (
    SELECT
        oid,
        nspname,
        nspacl
    FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
),

member AS (
    SELECT
        classid,
        objid
    FROM pg_catalog.pg_depend
    WHERE deptype = 'e'
),

relation AS (
    SELECT
        class.*,
        class.oid::regclass::text AS shown
    FROM pg_catalog.pg_class AS class
    INNER JOIN namespace ON class.relnamespace = namespace.oid
    WHERE NOT EXISTS (
        SELECT FROM member
        WHERE member.classid = 'pg_class'::regclass AND member.objid = class.oid
    )
)

SELECT
    'schema' AS kind,
    nspname::text AS name,
    coalesce(nspacl::text, '') AS definition
FROM namespace
UNION ALL
SELECT
    'extension',
    extname,
    extversion
FROM pg_catalog.pg_extension
UNION ALL
SELECT
    CASE relkind
        WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
        WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'composite type'
    END,
    shown,
    concat_ws(
        ', ',
        CASE relpersistence WHEN 'u' THEN 'unlogged' END,
        array_to_string(reloptions, ', '),
        pg_catalog.pg_get_partkeydef(oid),
        (
            SELECT string_agg('partition of ' || inhparent::regclass::text, ', ' ORDER BY inhseqno)
            FROM pg_catalog.pg_inherits
            WHERE inhrelid = relation.oid
        ),
        pg_catalog.pg_get_expr(relpartbound, oid),
        CASE WHEN relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(oid) END,
        CASE WHEN relkind = 'm' AND NOT relispopulated THEN 'not populated' END,
        CASE WHEN relrowsecurity THEN 'row level security' END,
        CASE WHEN relforcerowsecurity THEN 'forced' END,
        CASE WHEN relkind IN ('r', 'p') AND relreplident <> 'd' THEN 'replica identity ' || relreplident::text END,
        relacl::text
    )
FROM relation
WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
UNION ALL
SELECT
    'column',
    relation.shown || '.' || attribute.attname,
    concat_ws(
        ', ',
        'place ' || (row_number() OVER (PARTITION BY relation.oid ORDER BY attribute.attnum))::text,
        pg_catalog.format_type(attribute.atttypid, attribute.atttypmod),
        CASE WHEN attribute.attnotnull THEN 'not null' END,
        CASE WHEN attribute.attgenerated <> '' THEN 'generated' WHEN attribute.atthasdef THEN 'default' END,
        pg_catalog.pg_get_expr(defaults.adbin, defaults.adrelid),
        CASE attribute.attidentity WHEN 'a' THEN 'always identity' WHEN 'd' THEN 'identity' END,
        CASE
            WHEN attribute.attcollation NOT IN (0, type.typcollation)
                THEN 'collate ' || attribute.attcollation::regcollation::text
        END,
        CASE WHEN attribute.attstorage <> type.typstorage THEN 'storage ' || attribute.attstorage::text END,
        array_to_string(attribute.attoptions, ', '),
        attribute.attacl::text
    )
FROM relation
INNER JOIN pg_catalog.pg_attribute AS attribute ON relation.oid = attribute.attrelid
INNER JOIN pg_catalog.pg_type AS type ON attribute.atttypid = type.oid
LEFT JOIN pg_catalog.pg_attrdef AS defaults ON attribute.attrelid = defaults.adrelid AND attribute.attnum = defaults.adnum
WHERE relation.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND attribute.attnum > 0 AND NOT attribute.attisdropped
UNION ALL
SELECT
    'constraint',
    coalesce(relation.shown, constraints.contypid::regtype::text) || '.' || constraints.conname,
    pg_catalog.pg_get_constraintdef(constraints.oid)
    || CASE WHEN constraints.convalidated OR constraints.contype = 'n' THEN '' ELSE ', not validated' END
FROM pg_catalog.pg_constraint AS constraints
INNER JOIN namespace ON constraints.connamespace = namespace.oid
LEFT JOIN relation ON constraints.conrelid = relation.oid
WHERE relation.oid IS NOT NULL OR constraints.contypid <> 0
UNION ALL
SELECT
    'index',
    relation.shown,
    concat_ws(
        ', ',
        pg_catalog.pg_get_indexdef(relation.oid),
        CASE WHEN NOT indexes.indisvalid THEN 'invalid' END,
        CASE WHEN NOT indexes.indisready THEN 'not ready' END,
        CASE WHEN indexes.indisclustered THEN 'clustered' END,
        CASE WHEN indexes.indisreplident THEN 'replica identity' END,
        (
            SELECT 'attached to ' || inhparent::regclass::text
            FROM pg_catalog.pg_inherits
            WHERE inhrelid = relation.oid
        )
    )
FROM relation
INNER JOIN pg_catalog.pg_index AS indexes ON relation.oid = indexes.indexrelid
UNION ALL
SELECT
    'trigger',
    relation.shown || '.' || triggers.tgname,
    pg_catalog.pg_get_triggerdef(triggers.oid)
    || CASE triggers.tgenabled WHEN 'O' THEN '' ELSE ', enabled ' || triggers.tgenabled::text END
FROM pg_catalog.pg_trigger AS triggers
INNER JOIN relation ON triggers.tgrelid = relation.oid
WHERE NOT triggers.tgisinternal
UNION ALL
SELECT
    'rule',
    relation.shown || '.' || rules.rulename,
    pg_catalog.pg_get_ruledef(rules.oid)
FROM pg_catalog.pg_rewrite AS rules
INNER JOIN relation ON rules.ev_class = relation.oid
WHERE rules.rulename <> '_RETURN'
UNION ALL
SELECT
    'policy',
    relation.shown || '.' || policy.polname,
    concat_ws(
        ', ',
        policy.polcmd::text,
        CASE WHEN policy.polpermissive THEN 'permissive' ELSE 'restrictive' END,
        policy.polroles::regrole []::text,
        pg_catalog.pg_get_expr(policy.polqual, policy.polrelid),
        pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid)
    )
FROM pg_catalog.pg_policy AS policy
INNER JOIN relation ON policy.polrelid = relation.oid
UNION ALL
SELECT
    'sequence',
    sequences.seqrelid::regclass::text,
    concat_ws(
        ', ',
        sequences.seqtypid::regtype::text,
        'start ' || sequences.seqstart::text,
        'by ' || sequences.seqincrement::text,
        sequences.seqmin::text || ' to ' || sequences.seqmax::text,
        'cache ' || sequences.seqcache::text,
        CASE WHEN sequences.seqcycle THEN 'cycle' END
    )
FROM pg_catalog.pg_sequence AS sequences
INNER JOIN relation ON sequences.seqrelid = relation.oid
UNION ALL
SELECT
    'statistics',
    statistics.stxname,
    pg_catalog.pg_get_statisticsobjdef(statistics.oid)
FROM pg_catalog.pg_statistic_ext AS statistics
INNER JOIN namespace ON statistics.stxnamespace = namespace.oid
UNION ALL
SELECT
    'function',
    function.oid::regprocedure::text,
    concat_ws(
        ', ',
        CASE WHEN function.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(function.oid) ELSE 'aggregate' END,
        function.proacl::text
    )
FROM pg_catalog.pg_proc AS function
INNER JOIN namespace ON function.pronamespace = namespace.oid
WHERE NOT EXISTS (
    SELECT FROM member
    WHERE member.classid = 'pg_proc'::regclass AND member.objid = function.oid
)
UNION ALL
SELECT
    'type',
    type.oid::regtype::text,
    concat_ws(
        ', ',
        CASE type.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'range' END,
        CASE WHEN type.typtype = 'd' THEN pg_catalog.format_type(type.typbasetype, type.typtypmod) END,
        CASE WHEN type.typnotnull THEN 'not null' END,
        type.typdefault,
        (
            SELECT string_agg(label.enumlabel, ', ' ORDER BY label.enumsortorder)
            FROM pg_catalog.pg_enum AS label
            WHERE label.enumtypid = type.oid
        ),
        (
            SELECT range.rngsubtype::regtype::text
            FROM pg_catalog.pg_range AS range
            WHERE range.rngtypid = type.oid
        )
    )
FROM pg_catalog.pg_type AS type
INNER JOIN namespace ON type.typnamespace = namespace.oid
WHERE
    type.typtype IN ('e', 'd', 'r')
    AND NOT EXISTS (
        SELECT FROM member
        WHERE member.classid = 'pg_type'::regclass AND member.objid = type.oid
    )
