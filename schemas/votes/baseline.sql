-- candidate: baseline
-- summary: every vote a row, from the kiosks one by one; index by choice, then time; counted when asked
-- expects: writes that never wait for each other; reads as long as there are votes

CREATE TABLE vote (
    kiosk text NOT NULL,
    choice text NOT NULL,
    voted_at timestamptz NOT NULL
);
CREATE INDEX vote_choice_time ON vote (choice, voted_at);
