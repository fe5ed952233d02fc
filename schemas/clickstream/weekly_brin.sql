-- candidate: weekly_brin
-- extends: weekly
-- summary: partitioned by week, with BRIN on the time instead of a btree
-- expects: cheaper writes than weekly, and reads of a day hardly slower as long as few events come late

DROP INDEX event_time;
-- A day is some 20 pages here: the default of 128 pages would be a whole week.
CREATE INDEX event_time ON event USING brin (happened_at) WITH (pages_per_range = 8);
