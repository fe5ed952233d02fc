-- candidate: last_line_counts
-- mutant of: counts_by_upsert
-- summary: a later line of an hour replaces the count: updates are lost
-- name: log_request
INSERT INTO host_hour AS known (logged_at, host, requests, bytes)
VALUES (date_trunc('hour', :logged_at::timestamptz, 'UTC'), :host::text, 1, :bytes::bigint)
ON CONFLICT (logged_at, host) DO UPDATE
SET requests = excluded.requests, bytes = excluded.bytes;
