-- candidate: raw_lines
-- summary: the client sends the line as it is; the database parses it
-- expects: a regular expression for each line costs more than storing the parsed row

CREATE TABLE access (
  logged_at timestamptz NOT NULL,
  host text COLLATE "C" NOT NULL,
  bytes bigint NOT NULL,
  line text NOT NULL  -- as it came
);
CREATE INDEX access_logged_at ON access (logged_at);

-- Broken lines that are kept, as they came.
CREATE TABLE broken_line (line text NOT NULL);

CREATE TABLE address_range (
  first inet PRIMARY KEY,
  last inet NOT NULL,
  country text COLLATE "C" NOT NULL
);

-- The address of a host, or NULL for a name: text that only looks like an address (256.0.0.1, 010.0.0.1) is a name.
CREATE FUNCTION address_of(host text) RETURNS inet LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN host ~ ('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}'
                         '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')
            THEN host::inet END;

CREATE VIEW access_log AS SELECT logged_at, host, 1 AS requests, bytes FROM access;

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
