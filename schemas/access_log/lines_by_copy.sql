-- candidate: lines_by_copy
-- extends: baseline
-- summary: the baseline's tables, and a client that sends up to 100 lines by COPY, gathered for up to a second
-- expects: many lines in one commit; a line may be a second late

-- name: log_request
-- batch: 100 within 1 s
COPY access (logged_at, host, bytes, line) FROM STDIN;
