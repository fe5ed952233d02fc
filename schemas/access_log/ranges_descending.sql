-- candidate: ranges_descending
-- summary: the baseline's tables; the range of an address is the last one that begins before it
-- expects: a look-up reads one entry of the index instead of half of it; right only while ranges do not overlap

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

-- name: host_countries
WITH frequent AS MATERIALIZED (
  SELECT host, address_of(host) AS address, requests
  FROM (
    SELECT host, sum(requests)::bigint AS requests
    FROM access_log
    WHERE logged_at >= :since::timestamptz AND logged_at < :until::timestamptz
    GROUP BY host
    ORDER BY sum(requests) DESC, host COLLATE "C"
    LIMIT :hosts::int
  ) AS most
)
SELECT coalesce(country, '') COLLATE "C" AS country, sum(requests)::bigint AS requests, count(*) AS hosts
FROM frequent LEFT JOIN LATERAL (
  SELECT last, country FROM address_range WHERE first <= address ORDER BY first DESC LIMIT 1
) AS nearest ON address <= last
GROUP BY 1
ORDER BY 2 DESC, 1;
