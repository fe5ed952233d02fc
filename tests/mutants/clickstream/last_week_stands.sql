-- candidate: last_week_stands
-- mutant of: cohort_bitmaps
-- summary: a log-in forgets the weeks before it
-- name: log_in
INSERT INTO app_user AS known (user_id, weeks)
VALUES (:user_id::text,
        set_bit(B'0'::bit(520), (date_trunc('week', :happened_at::timestamp)::date - DATE '2015-01-05') / 7, 1))
ON CONFLICT (user_id) DO UPDATE SET weeks = excluded.weeks;
