-- candidate: batches_100
-- extends: baseline
-- summary: the baseline's table, written in batches of 100 behind a queue
-- expects: a hundredth of the commits; reads as slow as the baseline's

-- name: cast_vote
-- batch: 100 within 1 s
INSERT INTO vote (kiosk, choice, voted_at)
SELECT * FROM unnest(:kiosk::text[], :choice::text[], :voted_at::timestamptz[]);
