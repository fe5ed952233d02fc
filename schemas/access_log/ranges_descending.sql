-- candidate: ranges_descending
-- extends: baseline
-- summary: the baseline's tables; the range of an address is the last one that begins before it
-- expects: a look-up reads one entry of the index instead of half of it; right only while ranges do not overlap

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
