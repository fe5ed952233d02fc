-- candidate: moment_holds_one_like
-- mutant of: partial_indexes
-- summary: two likes of a user in one moment are taken for one
DROP INDEX event_once;
CREATE UNIQUE INDEX event_once ON event (user_id, kind, happened_at);
