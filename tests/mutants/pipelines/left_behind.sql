-- candidate: left_behind
-- mutant of: list_partitions
-- summary: records of another day pass the check
-- name: check_records
DELETE FROM staging WHERE set_id = :'set' AND (member = '' OR cents <= 0);
