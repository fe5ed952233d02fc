-- Votes: what kiosks and the screens above them ask of the database.
--
-- These defaults fit schemas/votes/baseline.sql, which keeps every vote and counts when it is asked; a candidate
-- overrides what its own tables need.

-- name: cast_vote
INSERT INTO vote (kiosk, choice, voted_at) VALUES (:kiosk::text, :choice::text, :voted_at::timestamptz);

-- The scheduled job: what brings answers up to date, where they are not so by themselves.

-- name: refresh_results
-- nothing

-- name: read_totals
SELECT choice, count(*) AS votes
FROM vote
GROUP BY choice
ORDER BY choice COLLATE "C";

-- Buckets of ten minutes.

-- name: read_distribution
SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*) AS votes
FROM vote
GROUP BY choice, bucket
ORDER BY choice COLLATE "C", bucket;

-- The votes before anything is measured.

-- name: load_votes
INSERT INTO vote (kiosk, choice, voted_at)
SELECT kiosk, choice, voted_at
FROM unnest(:kiosks::text[], :choices::text[], :voted_ats::timestamptz[]) AS cast_then (kiosk, choice, voted_at);

-- What every candidate must agree on. These two show all votes, served or not.

-- name: state_totals
SELECT choice, count(*) AS votes
FROM vote
GROUP BY choice
ORDER BY choice COLLATE "C";

-- name: state_buckets
SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*) AS votes
FROM vote
GROUP BY choice, bucket
ORDER BY choice COLLATE "C", bucket;

-- What is served apart from the votes may be old, but it can never be more than was cast. Nothing is, here.

-- name: more_served_than_cast
SELECT choice, voted_at AS bucket, 0 AS served FROM vote WHERE false;
