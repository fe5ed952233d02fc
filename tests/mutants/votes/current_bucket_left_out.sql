-- candidate: current_bucket_left_out
-- mutant of: cache_by_job
-- summary: the job leaves out the last ten minutes, as not finished yet
-- name: refresh_results
INSERT INTO result AS stored (choice, bucket, votes)
SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*)
FROM vote
WHERE date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') < (SELECT max(date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00')) FROM vote)
GROUP BY choice, bucket
ON CONFLICT (choice, bucket) DO UPDATE SET votes = excluded.votes;
