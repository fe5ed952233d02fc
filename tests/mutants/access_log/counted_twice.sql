-- candidate: counted_twice
-- mutant of: counts_by_trigger
-- summary: the client counts what the trigger has counted, as after a retry
-- name: log_request
-- The client parses what is asked for; the line is kept as it came, for all else.
INSERT INTO access (logged_at, host, bytes, line)
VALUES (:logged_at::timestamptz, :host::text, :bytes::bigint, :line::text);
INSERT INTO host_hour AS known (logged_at, host, requests, bytes)
VALUES (date_trunc('hour', :logged_at::timestamptz, 'UTC'), :host::text, 1, :bytes::bigint)
ON CONFLICT (logged_at, host) DO UPDATE SET requests = known.requests + 1, bytes = known.bytes + excluded.bytes;
