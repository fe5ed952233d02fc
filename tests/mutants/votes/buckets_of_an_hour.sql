-- candidate: buckets_of_an_hour
-- mutant of: buckets_upserted
-- summary: buckets of an hour
-- name: cast_vote
INSERT INTO bucket AS stored (choice, bucket, votes)
VALUES (:choice::text, date_bin('1 hour', :voted_at::timestamptz, '2000-01-01 00:00:00+00'), 1)
ON CONFLICT (choice, bucket) DO UPDATE SET votes = stored.votes + excluded.votes;
