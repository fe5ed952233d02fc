-- candidate: dash_refused
-- mutant of: raw_lines
-- summary: lines without a size are lost
-- name: log_request
INSERT INTO access (logged_at, host, request, status, bytes)
SELECT to_timestamp(field[2], 'DD/Mon/YYYY:HH24:MI:SS TZHTZM'), field[1], field[3], field[4]::smallint,
       CASE WHEN field[5] = '-' THEN 0 ELSE field[5]::bigint END
FROM (SELECT fields_of(:line::text) AS field OFFSET 0) AS parsed
WHERE field[5] <> '-';
