-- candidate: buckets_batched
-- summary: no votes, only a counter for each choice and ten minutes, upserted by batches of 100 behind a queue
-- expects: reads at once, and one update for dozens of votes

-- Ten minutes of each choice are one row; the votes themselves are not kept, and cannot be counted again.
CREATE TABLE bucket (
    choice text NOT NULL,
    bucket timestamptz NOT NULL,
    votes bigint NOT NULL,
    PRIMARY KEY (choice, bucket)
) WITH (fillfactor = 50);

-- name: cast_vote
-- batch: 100 within 1 s
INSERT INTO bucket AS stored (choice, bucket, votes)
SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*)
FROM unnest(:choice::text[], :voted_at::timestamptz[]) AS cast_then (choice, voted_at)
GROUP BY choice, bucket
ORDER BY choice, bucket
ON CONFLICT (choice, bucket) DO UPDATE SET votes = stored.votes + excluded.votes;

-- name: load_votes
INSERT INTO bucket AS stored (choice, bucket, votes)
SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*)
FROM unnest(:choices::text[], :voted_ats::timestamptz[]) AS cast_then (choice, voted_at)
GROUP BY choice, bucket
ORDER BY choice, bucket
ON CONFLICT (choice, bucket) DO UPDATE SET votes = stored.votes + excluded.votes;

-- name: read_totals
SELECT choice, sum(votes)::bigint AS votes
FROM bucket
GROUP BY choice
ORDER BY choice COLLATE "C";

-- name: read_distribution
SELECT choice, bucket, votes
FROM bucket
ORDER BY choice COLLATE "C", bucket;

-- name: state_totals
SELECT choice, sum(votes)::bigint AS votes
FROM bucket
GROUP BY choice
ORDER BY choice COLLATE "C";

-- name: state_buckets
SELECT choice, bucket, votes
FROM bucket
ORDER BY choice COLLATE "C", bucket;

-- name: more_served_than_cast
SELECT choice, bucket, votes AS served FROM bucket WHERE votes < 0;
