-- candidate: copy
-- summary: the baseline's table, written by COPY of 100 votes behind a queue
-- expects: a little faster than batches

CREATE TABLE vote (
    kiosk text NOT NULL,
    choice text NOT NULL,
    voted_at timestamptz NOT NULL
);
CREATE INDEX vote_choice_time ON vote (choice, voted_at);

-- name: cast_vote
-- batch: 100 within 1 s
COPY vote (kiosk, choice, voted_at) FROM STDIN;
