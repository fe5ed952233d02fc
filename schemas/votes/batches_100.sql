-- candidate: batches_100
-- summary: the baseline's table, written in batches of 100 behind a queue
-- expects: a hundredth of the commits; reads as slow as the baseline's

CREATE TABLE vote (
    kiosk text NOT NULL,
    choice text NOT NULL,
    voted_at timestamptz NOT NULL
);
CREATE INDEX vote_choice_time ON vote (choice, voted_at);

-- name: cast_vote
-- batch: 100 within 1 s
INSERT INTO vote (kiosk, choice, voted_at)
SELECT * FROM unnest(:kiosk::text[], :choice::text[], :voted_at::timestamptz[]);
