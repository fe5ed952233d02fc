-- candidate: partial_indexes
-- summary: partial indexes on the times of likes and of installs, instead of one on all times
-- expects: faster reads that touch one kind only, and log-ins that write one index instead of two

CREATE TABLE event (
    happened_at timestamp NOT NULL,  -- UTC
    user_id text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('FIRST_INSTALL', 'LOG_IN', 'LIKE_ARTICLE')),
    article text COLLATE "C",
    CHECK ((kind = 'LIKE_ARTICLE') = (article IS NOT NULL))
);

-- An event that is sent again is the same. User first, so that the log-ins of a user are found, too.
CREATE UNIQUE INDEX event_once ON event (user_id, kind, happened_at, article) NULLS NOT DISTINCT;
CREATE INDEX event_likes ON event (happened_at) WHERE kind = 'LIKE_ARTICLE';
CREATE INDEX event_installs ON event (happened_at) WHERE kind = 'FIRST_INSTALL';

CREATE VIEW liked AS
SELECT user_id, article, happened_at AS liked_at FROM event WHERE kind = 'LIKE_ARTICLE';

CREATE VIEW daily_likes AS
SELECT liked_at::date AS day, article, count(*) AS likes FROM liked GROUP BY liked_at::date, article;

CREATE VIEW installed AS
SELECT user_id, date_trunc('week', happened_at)::date AS week FROM event WHERE kind = 'FIRST_INSTALL';

CREATE VIEW active AS
SELECT DISTINCT user_id, date_trunc('week', happened_at)::date AS week FROM event WHERE kind = 'LOG_IN';
