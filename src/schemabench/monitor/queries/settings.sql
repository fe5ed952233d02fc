-- The settings of the session that asks, as JSON: name, value with its unit, who set it, whether PostgreSQL's own
-- default. As one text, since sessions hardly differ, and only different texts are read.
SELECT pg_catalog.json_agg(
    pg_catalog.json_build_array(
        name, pg_catalog.current_setting(name), source, setting IS NOT DISTINCT FROM boot_val
    )
)
FROM pg_catalog.pg_settings
