-- candidate: counts_in_batches
-- summary: counts for each hour and host, upserted by a client that gathers up to 100 lines for up to a second
-- expects: one commit for many lines, and one update for many lines of a host; a line may be a second late; lines are
--   lost

-- One row for each hour and host.
CREATE TABLE host_hour (
  logged_at timestamptz NOT NULL,  -- when the hour begins
  host text COLLATE "C" NOT NULL,
  requests bigint NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (logged_at, host)
);

-- Broken lines that are kept, as they came.
CREATE TABLE broken_line (line text NOT NULL);

CREATE TABLE address_range (
  first inet PRIMARY KEY,
  last inet NOT NULL,
  country text COLLATE "C" NOT NULL
);

-- The address of a host, or NULL for a name: text that only looks like an address (256.0.0.1, 010.0.0.1) is a name.
CREATE FUNCTION address_of(host text) RETURNS inet LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN host ~ ('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}'
                         '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')
            THEN host::inet END;

CREATE VIEW access_log AS SELECT logged_at, host, requests, bytes FROM host_hour;

-- Sorted, so that two batches lock rows in one order.

-- name: log_request
-- batch: 100 within 1 s
INSERT INTO host_hour AS known (logged_at, host, requests, bytes)
SELECT date_trunc('hour', logged_at, 'UTC'), host COLLATE "C", count(*), sum(bytes)::bigint
FROM unnest(:logged_at::timestamptz[], :host::text[], :bytes::bigint[]) AS line (logged_at, host, bytes)
GROUP BY 1, 2
ORDER BY 1, 2
ON CONFLICT (logged_at, host) DO UPDATE
SET requests = known.requests + excluded.requests, bytes = known.bytes + excluded.bytes;

-- name: load_requests
INSERT INTO host_hour AS known (logged_at, host, requests, bytes)
SELECT date_trunc('hour', logged_at, 'UTC'), host COLLATE "C", count(*), sum(bytes)::bigint
FROM unnest(:logged_ats::timestamptz[], :hosts::text[], :bytes::bigint[]) AS line (logged_at, host, bytes)
GROUP BY 1, 2
ORDER BY 1, 2
ON CONFLICT (logged_at, host) DO UPDATE
SET requests = known.requests + excluded.requests, bytes = known.bytes + excluded.bytes;

-- No line is kept.

-- name: lines_unlike_their_fields
SELECT WHERE false;
