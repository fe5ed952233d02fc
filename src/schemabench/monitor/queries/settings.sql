-- The settings of the session that asks: name, value with its unit, who set it, whether PostgreSQL's own default.
-- As one text, since sessions hardly differ, and only different texts are read. Characters that no value needs are
-- between fields and rows: of any encoding of a client, a second byte may be a quote's or a backslash's, but never
-- theirs.
SELECT pg_catalog.string_agg(
    pg_catalog.concat_ws(
        pg_catalog.chr(31),
        name,
        pg_catalog.translate(coalesce(pg_catalog.current_setting(name), ''), pg_catalog.chr(30) || pg_catalog.chr(31), ''),
        source,
        setting IS NOT DISTINCT FROM boot_val
    ),
    pg_catalog.chr(30)
)
FROM pg_catalog.pg_settings
