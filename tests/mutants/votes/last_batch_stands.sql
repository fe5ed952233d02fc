-- candidate: last_batch_stands
-- mutant of: buckets_batched
-- summary: a batch replaces the bucket's votes: those of earlier batches are lost
-- name: cast_vote
-- batch: 100 within 1 s
INSERT INTO bucket AS stored (choice, bucket, votes)
SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*)
FROM unnest(:choice::text[], :voted_at::timestamptz[]) AS cast_then (choice, voted_at)
GROUP BY choice, bucket
ORDER BY choice, bucket
ON CONFLICT (choice, bucket) DO UPDATE SET votes = excluded.votes;
