-- candidate: names_left_out
-- mutant of: host_inet
-- summary: hosts that are names are lost
-- name: log_request
INSERT INTO access (logged_at, address, name, bytes, line)
VALUES (:logged_at::timestamptz, address_of(:host::text), CASE WHEN address_of(:host::text) IS NULL THEN '' END,
        :bytes::bigint, :line::text);
