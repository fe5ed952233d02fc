-- candidate: copy_and_cache
-- extends: cache_by_job
-- summary: COPY of 100 votes behind a queue, without an index; the job fills a cache table
-- expects: the cheapest writes and reads together: the queue and the cache of the request

-- name: cast_vote
-- batch: 100 within 1 s
COPY vote (kiosk, choice, voted_at) FROM STDIN;

-- name: refresh_results
INSERT INTO result AS stored (choice, bucket, votes)
SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*)
FROM vote
GROUP BY choice, bucket
ORDER BY choice, bucket
ON CONFLICT (choice, bucket) DO UPDATE SET votes = excluded.votes
WHERE stored.votes <> excluded.votes;

-- name: read_totals
SELECT choice, sum(votes)::bigint AS votes
FROM result
GROUP BY choice
ORDER BY choice COLLATE "C";

-- name: read_distribution
SELECT choice, bucket, votes
FROM result
ORDER BY choice COLLATE "C", bucket;

-- name: more_served_than_cast
SELECT choice, bucket, served.votes AS served
FROM result AS served
LEFT JOIN (
    SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*) AS votes
    FROM vote
    GROUP BY choice, bucket
) AS held USING (choice, bucket)
WHERE served.votes > coalesce(held.votes, 0);
