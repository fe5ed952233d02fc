-- candidate: brin
-- extends: baseline
-- summary: BRIN on the time instead of a btree
-- expects: cheaper lines; reads of a few days as fast, since lines come in the order of time

DROP INDEX access_logged_at;
-- Few pages a range: a day of the log has some hundred.
CREATE INDEX access_logged_at ON access USING brin (logged_at) WITH (pages_per_range = 8, autosummarize = on);
