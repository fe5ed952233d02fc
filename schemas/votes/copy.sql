-- candidate: copy
-- extends: baseline
-- summary: the baseline's table, written by COPY of 100 votes behind a queue
-- expects: a little faster than batches

-- name: cast_vote
-- batch: 100 within 1 s
COPY vote (kiosk, choice, voted_at) FROM STDIN;
