-- candidate: gaps_have_a_country
-- mutant of: ranges_descending
-- summary: an address behind the end of its range gets its country
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
) AS nearest ON true
GROUP BY 1
ORDER BY 2 DESC, 1;
