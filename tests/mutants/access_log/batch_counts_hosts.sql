-- candidate: batch_counts_hosts
-- mutant of: counts_in_batches
-- summary: a host that comes twice in a batch counts once
-- name: log_request
-- batch: 100 within 1 s
INSERT INTO host_hour AS known (logged_at, host, requests, bytes)
SELECT date_trunc('hour', logged_at, 'UTC'), host COLLATE "C", 1, sum(bytes)::bigint
FROM unnest(:logged_at::timestamptz[], :host::text[], :bytes::bigint[]) AS line (logged_at, host, bytes)
GROUP BY 1, 2
ORDER BY 1, 2
ON CONFLICT (logged_at, host) DO UPDATE
SET requests = known.requests + excluded.requests, bytes = known.bytes + excluded.bytes;
