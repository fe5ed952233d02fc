-- candidate: time_first
-- extends: baseline
-- summary: the index the other way round: time, then choice
-- expects: cheaper inserts, at the right end of the index; reads as slow

DROP INDEX vote_choice_time;
CREATE INDEX vote_time_choice ON vote (voted_at, choice);
