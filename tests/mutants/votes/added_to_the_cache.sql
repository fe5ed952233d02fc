-- candidate: added_to_the_cache
-- mutant of: cache_by_job
-- summary: the job adds all votes to what it has already counted
-- name: refresh_results
INSERT INTO result AS stored (choice, bucket, votes)
SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*)
FROM vote
GROUP BY choice, bucket
ON CONFLICT (choice, bucket) DO UPDATE SET votes = stored.votes + excluded.votes;
