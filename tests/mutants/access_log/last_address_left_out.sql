-- candidate: last_address_left_out
-- mutant of: ranges_gist
-- summary: the last address of a range is not in it
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
FROM frequent LEFT JOIN address_range ON inetrange(first, last, '[)') @> address
GROUP BY 1
ORDER BY 2 DESC, 1;
