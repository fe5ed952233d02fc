-- What a database consists of, in words that are equal in two databases with equal schemas: no object ids, no sizes, no
-- places of dropped columns. Objects of extensions are their extension's. An owner is told where it is not the database's,
-- and a name in a definition is as the search path shows it.
WITH own AS (
    SELECT
        oid,
        datdba
    FROM pg_catalog.pg_database
    WHERE datname = pg_catalog.current_database()
),

namespace AS (
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
        WHEN 'f' THEN 'foreign table' ELSE 'composite type'
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
        (
            SELECT 'access method ' || amname
            FROM pg_catalog.pg_am
            WHERE pg_am.oid = relation.relam AND amname <> 'heap'
        ),
        (
            SELECT 'tablespace ' || spcname
            FROM pg_catalog.pg_tablespace
            WHERE pg_tablespace.oid = relation.reltablespace
        ),
        CASE WHEN relowner NOT IN (SELECT datdba FROM own) THEN 'owner ' || relowner::regrole::text END,
        relacl::text
    )
FROM relation
WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
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
        'compression ' || nullif(attribute.attcompression::text, ''),
        'statistics ' || nullif(attribute.attstattarget, -1)::text,
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
    || CASE
        WHEN EXISTS (
            SELECT FROM pg_catalog.pg_trigger
            WHERE pg_trigger.tgconstraint = constraints.oid AND pg_trigger.tgenabled <> 'O'
        ) THEN ', not enforced by all of its triggers' ELSE ''
    END
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
            SELECT 'tablespace ' || spcname
            FROM pg_catalog.pg_tablespace
            WHERE pg_tablespace.oid = relation.reltablespace
        ),
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
    || CASE rules.ev_enabled WHEN 'O' THEN '' ELSE ', enabled ' || rules.ev_enabled::text END
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
    relation.shown,
    concat_ws(
        ', ',
        sequences.seqtypid::regtype::text,
        'start ' || sequences.seqstart::text,
        'by ' || sequences.seqincrement::text,
        sequences.seqmin::text || ' to ' || sequences.seqmax::text,
        'cache ' || sequences.seqcache::text,
        CASE WHEN sequences.seqcycle THEN 'cycle' END,
        (
            SELECT 'owned by ' || pg_catalog.pg_describe_object(depend.refclassid, depend.refobjid, depend.refobjsubid)
            FROM pg_catalog.pg_depend AS depend
            WHERE
                depend.classid = 'pg_class'::regclass AND depend.objid = sequences.seqrelid
                AND depend.refclassid = 'pg_class'::regclass AND depend.deptype IN ('a', 'i')
        ),
        CASE relation.relpersistence WHEN 'u' THEN 'unlogged' END,
        CASE WHEN relation.relowner NOT IN (SELECT datdba FROM own) THEN 'owner ' || relation.relowner::regrole::text END,
        relation.relacl::text
    )
FROM pg_catalog.pg_sequence AS sequences
INNER JOIN relation ON sequences.seqrelid = relation.oid
UNION ALL
SELECT
    'statistics',
    namespace.nspname || '.' || statistics.stxname,
    pg_catalog.pg_get_statisticsobjdef(statistics.oid)
    || coalesce(', target ' || nullif(statistics.stxstattarget, -1)::text, '')
FROM pg_catalog.pg_statistic_ext AS statistics
INNER JOIN namespace ON statistics.stxnamespace = namespace.oid
UNION ALL
SELECT
    'function',
    function.oid::regprocedure::text,
    concat_ws(
        ', ',
        CASE WHEN function.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(function.oid) END,
        (
            SELECT
                concat_ws(
                    ' ', 'aggregate by', aggregate.aggtransfn::regproc::text, aggregate.aggtranstype::regtype::text,
                    aggregate.agginitval, nullif(aggregate.aggfinalfn::regproc::text, '-')
                )
            FROM pg_catalog.pg_aggregate AS aggregate
            WHERE aggregate.aggfnoid = function.oid
        ),
        CASE WHEN function.proowner NOT IN (SELECT datdba FROM own) THEN 'owner ' || function.proowner::regrole::text END,
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
        CASE
            WHEN type.typtype = 'd' AND type.typcollation <> (
                SELECT base.typcollation FROM pg_catalog.pg_type AS base
                WHERE base.oid = type.typbasetype
            ) THEN 'collate ' || type.typcollation::regcollation::text
        END,
        type.typacl::text,
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
UNION ALL
SELECT
    'collation',
    namespace.nspname || '.' || collations.collname,
    (to_jsonb(collations) - ARRAY['oid', 'collname', 'collnamespace', 'collowner', 'collversion'])::text
FROM pg_catalog.pg_collation AS collations
INNER JOIN namespace ON collations.collnamespace = namespace.oid
WHERE NOT EXISTS (
    SELECT FROM member
    WHERE member.classid = 'pg_collation'::regclass AND member.objid = collations.oid
)
UNION ALL
SELECT
    'event trigger',
    events.evtname,
    concat_ws(
        ', ',
        'on ' || events.evtevent,
        events.evtfoid::regproc::text,
        'enabled ' || events.evtenabled::text,
        events.evttags::text
    )
FROM pg_catalog.pg_event_trigger AS events
UNION ALL
SELECT
    'publication',
    publication.pubname,
    concat_ws(
        ', ',
        CASE WHEN publication.puballtables THEN 'all tables' END,
        (
            SELECT
                string_agg(
                    concat_ws(
                        ' ', published.prrelid::regclass::text,
                        (
                            SELECT string_agg(attname, ' ' ORDER BY attname)
                            FROM pg_catalog.pg_attribute
                            WHERE attrelid = published.prrelid AND attnum = ANY(published.prattrs)
                        ),
                        pg_catalog.pg_get_expr(published.prqual, published.prrelid)
                    ),
                    ', ' ORDER BY published.prrelid::regclass::text
                )
            FROM pg_catalog.pg_publication_rel AS published
            WHERE published.prpubid = publication.oid
        ),
        (
            SELECT string_agg('schema ' || spaces.pnnspid::regnamespace::text, ', ' ORDER BY spaces.pnnspid::regnamespace::text)
            FROM pg_catalog.pg_publication_namespace AS spaces
            WHERE spaces.pnpubid = publication.oid
        ),
        CASE WHEN publication.pubinsert THEN 'insert' END,
        CASE WHEN publication.pubupdate THEN 'update' END,
        CASE WHEN publication.pubdelete THEN 'delete' END,
        CASE WHEN publication.pubtruncate THEN 'truncate' END,
        CASE WHEN publication.pubviaroot THEN 'via root' END
    )
FROM pg_catalog.pg_publication AS publication
UNION ALL
SELECT
    'default privileges',
    concat_ws(
        ' ', 'of', defaults.defaclrole::regrole::text, 'for', defaults.defaclobjtype::text,
        'in ' || nullif(defaults.defaclnamespace, 0)::regnamespace::text
    ),
    defaults.defaclacl::text
FROM pg_catalog.pg_default_acl AS defaults
UNION ALL
SELECT
    'setting',
    concat_ws(' ', 'of the database', 'for ' || nullif(settings.setrole, 0)::regrole::text),
    settings.setconfig::text
FROM pg_catalog.pg_db_role_setting AS settings
WHERE settings.setdatabase IN (SELECT oid FROM own)
UNION ALL
SELECT
    'comment',
    'on ' || pg_catalog.pg_describe_object(described.classoid, described.objoid, described.objsubid),
    described.description
FROM pg_catalog.pg_description AS described
WHERE
    (
        described.objoid IN (SELECT oid FROM namespace)
        OR described.objoid >= 16384  -- FirstNormalObjectId: what no initdb has made
    )
    AND NOT EXISTS (
        SELECT FROM member
        WHERE member.classid = described.classoid AND member.objid = described.objoid
    )
