-- candidate: weeks_from_sunday
-- mutant of: cohort_rows
-- summary: weeks of log-ins begin on Sunday
-- name: log_in
INSERT INTO active (week, user_id)
VALUES (date_trunc('week', :happened_at::timestamp + interval '1 day')::date, :user_id::text)
ON CONFLICT DO NOTHING;
