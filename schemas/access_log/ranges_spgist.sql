-- candidate: ranges_spgist
-- extends: baseline
-- summary: a SP-GiST index on the ranges of addresses, as a range type
-- expects: a look-up descends the index; right for ranges that overlap, too; pages are split without overlap

CREATE FUNCTION addresses_between(upper inet, lower inet) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (upper - lower)::float8;
CREATE TYPE inetrange AS RANGE (subtype = inet, subtype_diff = addresses_between);
CREATE INDEX address_range_spgist ON address_range USING spgist (inetrange(first, last, '[]'));

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
FROM frequent LEFT JOIN address_range ON inetrange(first, last, '[]') @> address
GROUP BY 1
ORDER BY 2 DESC, 1;
