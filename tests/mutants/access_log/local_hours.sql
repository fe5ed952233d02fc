-- candidate: local_hours
-- mutant of: counts_by_upsert
-- summary: hours and days of the server's zone instead of UTC
-- name: log_request
INSERT INTO host_hour AS known (logged_at, host, requests, bytes)
VALUES (date_trunc('day', :logged_at::timestamptz, 'Asia/Kolkata'), :host::text, 1, :bytes::bigint)
ON CONFLICT (logged_at, host) DO UPDATE
SET requests = known.requests + 1, bytes = known.bytes + excluded.bytes;
