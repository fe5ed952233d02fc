-- candidate: staging_of_both_truncated
-- mutant of: baseline
-- summary: TRUNCATE of the shared staging table: the records of the other set are gone
-- name: clear_staging
TRUNCATE staging;
