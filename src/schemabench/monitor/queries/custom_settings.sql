-- Custom settings, as in myapp.tenant, which pg_settings does not show: those of the command line, which are given as
-- JSON, and those of database and role, in the form of `settings.sql`. The later word of several for one setting holds.
WITH given AS (
    SELECT key AS name, value, 'command line' AS source, 0 AS place
    FROM pg_catalog.json_each_text($1::json)
    UNION ALL
    SELECT pg_catalog.split_part(entry, '=', 1),
           pg_catalog.substr(entry, pg_catalog.strpos(entry, '=') + 1),
           CASE WHEN setrole = 0 AND setdatabase = 0 THEN 'global'
                WHEN setrole = 0 THEN 'database'
                WHEN setdatabase = 0 THEN 'user'
                ELSE 'database user' END,
           CASE WHEN setrole = 0 THEN 1 ELSE 3 END + CASE WHEN setdatabase = 0 THEN 0 ELSE 1 END
    FROM pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) AS entry
    WHERE setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))
      AND setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
), last_word AS (
    SELECT DISTINCT ON (name) name, value, source FROM given WHERE name LIKE '%.%' ORDER BY name, place DESC
)
SELECT pg_catalog.string_agg(
    pg_catalog.concat_ws(
        pg_catalog.chr(31),
        name,
        pg_catalog.translate(pg_catalog.current_setting(name, true), pg_catalog.chr(30) || pg_catalog.chr(31), ''),
        CASE WHEN value = pg_catalog.current_setting(name, true) THEN source ELSE 'session' END,
        false
    ),
    pg_catalog.chr(30)
)
FROM last_word
WHERE pg_catalog.current_setting(name, true) IS NOT NULL
  AND name NOT IN (SELECT name FROM pg_catalog.pg_settings)
