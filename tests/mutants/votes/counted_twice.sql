-- candidate: counted_twice
-- mutant of: buckets_by_trigger
-- summary: each vote is counted by the trigger, and once more by its own statement
-- name: cast_vote
INSERT INTO vote (kiosk, choice, voted_at) VALUES (:kiosk::text, :choice::text, :voted_at::timestamptz);
INSERT INTO bucket AS stored (choice, bucket, votes)
VALUES (:choice::text, date_bin('10 minutes', :voted_at::timestamptz, '2000-01-01 00:00:00+00'), 1)
ON CONFLICT (choice, bucket) DO UPDATE SET votes = stored.votes + excluded.votes;
