-- candidate: line_without_host
-- mutant of: baseline
-- summary: a line is kept without its host, which has a column of its own
-- name: log_request
INSERT INTO access (logged_at, host, bytes, line)
VALUES (:logged_at::timestamptz, :host::text, :bytes::bigint, substr(:line::text, length(:host::text) + 2));
