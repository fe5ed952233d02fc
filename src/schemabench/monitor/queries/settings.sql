-- The settings of the session that asks: name, value with its unit, who set it, whether PostgreSQL's own default.
SELECT name, pg_catalog.current_setting(name), source, setting IS NOT DISTINCT FROM boot_val
FROM pg_catalog.pg_settings
