-- candidate: left_behind
-- mutant of: list_partitions
-- summary: what a load that was killed has left of another day stays in staging
-- name: check_records
DELETE FROM staging WHERE set_id = :'set' AND (member = '' OR cents <= 0);
