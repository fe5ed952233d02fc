-- candidate: time_first
-- summary: the index the other way round: time, then choice
-- expects: cheaper inserts, at the right end of the index; reads as slow

CREATE TABLE vote (
    kiosk text NOT NULL,
    choice text NOT NULL,
    voted_at timestamptz NOT NULL
);
CREATE INDEX vote_time_choice ON vote (voted_at, choice);
