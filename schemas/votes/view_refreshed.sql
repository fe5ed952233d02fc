-- candidate: view_refreshed
-- extends: baseline
-- summary: every vote a row without an index; a materialized view of buckets, refreshed by the job
-- expects: the cheapest writes and reads; answers as old as the last refresh

DROP INDEX vote_choice_time;
CREATE MATERIALIZED VIEW result AS
SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*) AS votes
FROM vote
GROUP BY choice, bucket;
CREATE UNIQUE INDEX result_key ON result (choice, bucket);

-- name: refresh_results
REFRESH MATERIALIZED VIEW CONCURRENTLY result;

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
