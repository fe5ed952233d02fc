-- candidate: host_dictionary
-- summary: hosts in a table of their own, filled by upsert; lines refer to them by number
-- expects: narrower lines, but an exchange more for each; grouping by number, then looking names up

CREATE TABLE host (
  host_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE access (
  logged_at timestamptz NOT NULL,
  host_id bigint NOT NULL REFERENCES host,
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

CREATE VIEW access_log AS SELECT logged_at, host, 1 AS requests, bytes FROM access JOIN host USING (host_id);

-- NOT EXISTS first: ON CONFLICT alone would use up a number of the sequence for every line. Two statements, since the
-- second must see a host that another writer committed meanwhile.

-- name: log_request
INSERT INTO host (host)
SELECT :host::text WHERE NOT EXISTS (SELECT FROM host WHERE host = :host::text)
ON CONFLICT (host) DO NOTHING;
INSERT INTO access (logged_at, host_id, bytes, line)
SELECT :logged_at::timestamptz, host_id, :bytes::bigint, :line::text
FROM host
WHERE host = :host::text;

-- name: load_requests
INSERT INTO host (host)
SELECT DISTINCT line.host COLLATE "C"
FROM unnest(:hosts::text[]) AS line (host)
WHERE NOT EXISTS (SELECT FROM host WHERE host.host = line.host)
ORDER BY 1
ON CONFLICT (host) DO NOTHING;
INSERT INTO access (logged_at, host_id, bytes, line)
SELECT logged_at, host_id, bytes, line
FROM unnest(:logged_ats::timestamptz[], :hosts::text[], :bytes::bigint[], :lines::text[])
  AS sent (logged_at, host, bytes, line)
JOIN host USING (host);

-- name: lines_unlike_their_fields
SELECT line, host, bytes
FROM (
  SELECT line, host, bytes,
         substring(line FROM '^[^ ]+ [^ ]+ [^ ]+ \[[^\]]+\] "(?:[^"\\]|\\.)*" [0-9]{3} ([0-9]+|-)(?: |$)') AS sent
  FROM access JOIN host USING (host_id)
) AS kept
WHERE NOT starts_with(line, host || ' ') OR replace(sent, '-', '0')::bigint IS DISTINCT FROM bytes;
