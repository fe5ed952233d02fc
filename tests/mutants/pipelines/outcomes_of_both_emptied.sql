-- candidate: outcomes_of_both_emptied
-- mutant of: list_partitions
-- summary: insight empties the approvals of both sets before it begins
-- name: run_insight
DELETE FROM approval;
CALL insight(:'set', :before::int, :days::int, :limit_cents::bigint);
