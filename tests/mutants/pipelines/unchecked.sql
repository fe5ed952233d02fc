-- candidate: unchecked
-- mutant of: unlogged_staging
-- summary: records without a member pass the check
-- name: check_records
DELETE FROM staging WHERE set_id = :'set' AND (day <> :day::int OR cents <= 0);
