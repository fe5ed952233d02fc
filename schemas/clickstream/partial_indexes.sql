-- candidate: partial_indexes
-- extends: baseline
-- summary: partial indexes on the times of likes and of installs, instead of one on all times
-- expects: faster reads that touch one kind only, and log-ins that write one index instead of two

DROP INDEX event_time;
CREATE INDEX event_likes ON event (happened_at) WHERE kind = 'LIKE_ARTICLE';
CREATE INDEX event_installs ON event (happened_at) WHERE kind = 'FIRST_INSTALL';
