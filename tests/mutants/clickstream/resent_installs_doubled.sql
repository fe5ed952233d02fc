-- candidate: resent_installs_doubled
-- mutant of: covering_index
-- summary: an install has no article, and NULL equals nothing
DROP INDEX event_once;
CREATE UNIQUE INDEX event_once ON event (user_id, kind, happened_at, article);
