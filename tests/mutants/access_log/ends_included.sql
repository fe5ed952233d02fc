-- candidate: ends_included
-- mutant of: baseline
-- summary: the hour after the second time is read as well
-- name: frequent_hosts
SELECT host, sum(requests)::bigint AS requests
FROM access_log
WHERE logged_at >= :since::timestamptz AND logged_at <= :until::timestamptz
GROUP BY host
ORDER BY sum(requests) DESC, host COLLATE "C"
LIMIT 10;
