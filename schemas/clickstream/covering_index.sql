-- candidate: covering_index
-- extends: baseline
-- summary: an index that holds all that reads want, by kind and time
-- expects: reads without the table once vacuum has seen to it; a larger index to write

DROP INDEX event_time;
CREATE INDEX event_kind_time ON event (kind, happened_at) INCLUDE (article, user_id);
