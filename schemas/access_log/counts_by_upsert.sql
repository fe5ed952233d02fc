-- candidate: counts_by_upsert
-- summary: no lines, only counts for each hour and host, upserted line by line
-- expects: fast reads of few rows; lines of one frequent host wait for each other; lines are lost

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

-- name: log_request
INSERT INTO host_hour AS known (logged_at, host, requests, bytes)
VALUES (date_trunc('hour', :logged_at::timestamptz, 'UTC'), :host::text, 1, :bytes::bigint)
ON CONFLICT (logged_at, host) DO UPDATE
SET requests = known.requests + 1, bytes = known.bytes + excluded.bytes;

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
