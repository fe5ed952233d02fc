-- candidate: cache_by_job
-- extends: baseline
-- summary: every vote a row without an index; the job counts them and fills a cache table
-- expects: the view's reads, and a job that rewrites only what has changed

DROP INDEX vote_choice_time;
-- What kiosks read: the job writes what has changed since its last run.
CREATE TABLE result (
    choice text NOT NULL,
    bucket timestamptz NOT NULL,
    votes bigint NOT NULL,
    PRIMARY KEY (choice, bucket)
) WITH (fillfactor = 50);

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
