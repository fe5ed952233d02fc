-- candidate: flag_left_up
-- mutant of: database_per_set
-- summary: the flag stays up after insight, and operators never publish again
-- name: run_insight
CALL insight(:before::int, :days::int, :limit_cents::bigint);
INSERT INTO insight_flag (up) VALUES (true);
