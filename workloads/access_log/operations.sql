-- What a web server's log asks of a database.
--
-- Every candidate offers the view access_log (logged_at, host, requests, bytes), in which a row is a line or the sum of
-- an hour, and the table address_range (first, last, country). Readers and checks use only these, the function
-- address_of, and the table broken_line, so that a candidate overrides no more than how lines come in and how addresses
-- are found. The exception is lines_unlike_their_fields, which looks into the table of lines.

-- name: log_request
-- The client parses what is asked for; the line is kept as it came, for all else.
INSERT INTO access (logged_at, host, bytes, line)
VALUES (:logged_at::timestamptz, :host::text, :bytes::bigint, :line::text);

-- name: load_requests
INSERT INTO access (logged_at, host, bytes, line)
SELECT logged_at, host, bytes, line
FROM unnest(:logged_ats::timestamptz[], :hosts::text[], :bytes::bigint[], :lines::text[])
  AS sent (logged_at, host, bytes, line);

-- name: keep_broken
INSERT INTO broken_line (line) VALUES (:line::text);

-- name: load_ranges
INSERT INTO address_range (first, last, country)
SELECT first, last, country
FROM unnest(:firsts::inet[], :lasts::inet[], :countries::text[]) AS range (first, last, country);

-- name: requests_by_day
SELECT (logged_at AT TIME ZONE 'UTC')::date AS day, sum(requests)::bigint AS requests
FROM access_log
WHERE logged_at >= :first_day::date::timestamp AT TIME ZONE 'UTC'
  AND logged_at < (:last_day::date + 1)::timestamp AT TIME ZONE 'UTC'
GROUP BY 1
ORDER BY 1;

-- name: frequent_hosts
SELECT host, sum(requests)::bigint AS requests
FROM access_log
WHERE logged_at >= :since::timestamptz AND logged_at < :until::timestamptz
GROUP BY host
ORDER BY sum(requests) DESC, host COLLATE "C"
LIMIT 10;

-- name: host_countries
-- Only the most frequent hosts are looked up, since looking up is slow. The condition is what people write first: an
-- index on `first` finds all ranges that begin before the address.
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
FROM frequent LEFT JOIN address_range ON address BETWEEN first AND last
GROUP BY 1
ORDER BY 2 DESC, 1;

-- name: state_days
SELECT (logged_at AT TIME ZONE 'UTC')::date AS day, sum(requests)::bigint AS requests, sum(bytes)::bigint AS bytes
FROM access_log
GROUP BY 1
ORDER BY 1;

-- name: state_hosts
SELECT date_trunc('hour', logged_at AT TIME ZONE 'UTC') AS hour, host COLLATE "C" AS host,
       sum(requests)::bigint AS requests, sum(bytes)::bigint AS bytes
FROM access_log
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: state_broken
SELECT line COLLATE "C" AS line, count(*) AS lines FROM broken_line GROUP BY 1 ORDER BY 1;

-- name: state_countries
SELECT country COLLATE "C" AS country, count(*) AS ranges FROM address_range GROUP BY 1 ORDER BY 1;

-- name: hosts_without_requests
SELECT logged_at, host, requests FROM access_log WHERE requests < 1 OR host IS NULL;

-- name: lines_unlike_their_fields
-- A line that is kept as it came still says its host and bytes. The pattern is that of workloads/access_log/line.py,
-- with the bytes alone in parentheses, which takes a third of the time.
SELECT line, host, bytes
FROM (
  SELECT line, host, bytes,
         substring(line FROM '^[^ ]+ [^ ]+ [^ ]+ \[[^\]]+\] "(?:[^"\\]|\\.)*" [0-9]{3} ([0-9]+|-)(?: |$)') AS sent
  FROM access
) AS kept
WHERE NOT starts_with(line, host || ' ') OR replace(sent, '-', '0')::bigint IS DISTINCT FROM bytes;

-- name: ranges_that_overlap
SELECT first, last
FROM (SELECT first, last, lag(last) OVER (ORDER BY first) AS previous FROM address_range) AS range
WHERE last < first OR previous >= first;
