-- candidate: left_behind
-- mutant of: database_per_set
-- summary: what a load that was killed has left of another day stays in staging
-- name: check_records
DELETE FROM staging WHERE member = '' OR cents <= 0;
