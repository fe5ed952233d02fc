-- candidate: buckets_by_trigger
-- extends: baseline
-- summary: every vote a row; a statement-level trigger counts them into buckets
-- expects: the waits of upserted buckets, with a trigger's cost on top

DROP INDEX vote_choice_time;
CREATE TABLE bucket (
    choice text NOT NULL,
    bucket timestamptz NOT NULL,
    votes bigint NOT NULL,
    PRIMARY KEY (choice, bucket)
) WITH (fillfactor = 50);

-- Once for each statement: a batch would be counted in one go.
CREATE FUNCTION count_votes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bucket AS stored (choice, bucket, votes)
    SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*)
    FROM added
    GROUP BY choice, bucket
    ORDER BY choice, bucket
    ON CONFLICT (choice, bucket) DO UPDATE SET votes = stored.votes + excluded.votes;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_votes AFTER INSERT ON vote
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_votes();

-- name: read_totals
SELECT choice, sum(votes)::bigint AS votes
FROM bucket
GROUP BY choice
ORDER BY choice COLLATE "C";

-- name: read_distribution
SELECT choice, bucket, votes
FROM bucket
ORDER BY choice COLLATE "C", bucket;

-- What it has counted, rather than what it could count again: a vote that the trigger loses must show.

-- name: state_totals
SELECT choice, sum(votes)::bigint AS votes
FROM bucket
GROUP BY choice
ORDER BY choice COLLATE "C";

-- name: state_buckets
SELECT choice, bucket, votes
FROM bucket
ORDER BY choice COLLATE "C", bucket;

-- Each vote is counted in its own transaction, so that no less may be served, either.

-- name: more_served_than_cast
SELECT choice, bucket, coalesce(served.votes, 0) AS served
FROM bucket AS served
FULL JOIN (
    SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*) AS votes
    FROM vote
    GROUP BY choice, bucket
) AS held USING (choice, bucket)
WHERE served.votes IS DISTINCT FROM held.votes;
