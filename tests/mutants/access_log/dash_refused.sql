-- candidate: dash_refused
-- mutant of: raw_lines
-- summary: lines without a size are lost
-- name: log_request
INSERT INTO access (logged_at, host, bytes, line)
SELECT to_timestamp(field[2], 'DD/Mon/YYYY:HH24:MI:SS TZHTZM'), field[1],
       CASE WHEN field[3] = '-' THEN 0 ELSE field[3]::bigint END, :line::text
FROM (SELECT fields_of(:line::text) AS field OFFSET 0) AS parsed
WHERE field[3] <> '-';
