-- candidate: brin
-- extends: baseline
-- summary: a BRIN index on time instead of a btree
-- expects: the cheapest inserts; reads of the whole table

DROP INDEX vote_choice_time;
CREATE INDEX vote_time ON vote USING brin (voted_at);
