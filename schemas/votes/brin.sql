-- candidate: brin
-- summary: a BRIN index on time instead of a btree
-- expects: the cheapest inserts; reads of the whole table

CREATE TABLE vote (
    kiosk text NOT NULL,
    choice text NOT NULL,
    voted_at timestamptz NOT NULL
);
CREATE INDEX vote_time ON vote USING brin (voted_at);
