-- candidate: raw_lines
-- extends: baseline
-- summary: the client sends the line as it is; the database parses it
-- expects: a regular expression for each line costs more than storing the parsed row

-- The same pattern as in workloads/access_log/line.py.
CREATE FUNCTION fields_of(line text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_match(line, '^([^ ]+) [^ ]+ [^ ]+ \[([^\]]+)\] "(?:[^"\\]|\\.)*" [0-9]{3} ([0-9]+|-)(?: .*)?$');

-- name: log_request
INSERT INTO access (logged_at, host, bytes, line)
SELECT to_timestamp(field[2], 'DD/Mon/YYYY:HH24:MI:SS TZHTZM'), field[1],
       CASE WHEN field[3] = '-' THEN 0 ELSE field[3]::bigint END, :line::text
FROM (SELECT fields_of(:line::text) AS field OFFSET 0) AS parsed;

-- name: load_requests
INSERT INTO access (logged_at, host, bytes, line)
SELECT to_timestamp(field[2], 'DD/Mon/YYYY:HH24:MI:SS TZHTZM'), field[1],
       CASE WHEN field[3] = '-' THEN 0 ELSE field[3]::bigint END, line
FROM (SELECT line, fields_of(line) AS field FROM unnest(:lines::text[]) AS sent (line) OFFSET 0) AS parsed;
