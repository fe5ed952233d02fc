-- candidate: host_inet
-- summary: addresses as inet, names as text; in every row one of the two is NULL
-- expects: narrower rows and no text to turn into an address; grouping turns addresses back into text

-- An address takes 7 bytes instead of up to 16.
CREATE TABLE access (
  logged_at timestamptz NOT NULL,
  address inet,
  name text COLLATE "C",
  bytes bigint NOT NULL,
  line text NOT NULL,  -- as it came
  CHECK (num_nonnulls(address, name) = 1)
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

CREATE VIEW access_log AS
SELECT logged_at, coalesce(name, host(address)) COLLATE "C" AS host, 1 AS requests, bytes FROM access;

-- name: log_request
INSERT INTO access (logged_at, address, name, bytes, line)
VALUES (:logged_at::timestamptz, address_of(:host::text), CASE WHEN address_of(:host::text) IS NULL THEN :host::text END,
        :bytes::bigint, :line::text);

-- name: load_requests
INSERT INTO access (logged_at, address, name, bytes, line)
SELECT logged_at, address_of(host), CASE WHEN address_of(host) IS NULL THEN host END, bytes, line
FROM unnest(:logged_ats::timestamptz[], :hosts::text[], :bytes::bigint[], :lines::text[])
  AS sent (logged_at, host, bytes, line);

-- Grouped by what is stored: only the most frequent are turned into text.

-- name: frequent_hosts
SELECT coalesce(name, host(address)) COLLATE "C" AS host, count(*) AS requests
FROM access
WHERE logged_at >= :since::timestamptz AND logged_at < :until::timestamptz
GROUP BY address, name
ORDER BY count(*) DESC, 1
LIMIT 10;

-- name: host_countries
WITH frequent AS MATERIALIZED (
  SELECT address, count(*) AS requests
  FROM access
  WHERE logged_at >= :since::timestamptz AND logged_at < :until::timestamptz
  GROUP BY address, name
  ORDER BY count(*) DESC, coalesce(name, host(address)) COLLATE "C"
  LIMIT :hosts::int
)
SELECT coalesce(country, '') COLLATE "C" AS country, sum(requests)::bigint AS requests, count(*) AS hosts
FROM frequent LEFT JOIN address_range ON address BETWEEN first AND last
GROUP BY 1
ORDER BY 2 DESC, 1;

-- name: lines_unlike_their_fields
SELECT line, host, bytes
FROM (
  SELECT line, coalesce(name, host(address)) AS host, bytes,
         substring(line FROM '^[^ ]+ [^ ]+ [^ ]+ \[[^\]]+\] "(?:[^"\\]|\\.)*" [0-9]{3} ([0-9]+|-)(?: |$)') AS sent
  FROM access
) AS kept
WHERE NOT starts_with(line, host || ' ') OR replace(sent, '-', '0')::bigint IS DISTINCT FROM bytes;
