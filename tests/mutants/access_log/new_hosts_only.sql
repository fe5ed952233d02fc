-- candidate: new_hosts_only
-- mutant of: host_dictionary
-- summary: a line of a host that is known already is lost
-- name: log_request
WITH added AS (
  INSERT INTO host (host) VALUES (:host::text) ON CONFLICT (host) DO NOTHING RETURNING host_id
)
INSERT INTO access (logged_at, host_id, bytes, line)
SELECT :logged_at::timestamptz, host_id, :bytes::bigint, :line::text
FROM added;
