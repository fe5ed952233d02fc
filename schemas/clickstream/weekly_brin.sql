-- candidate: weekly_brin
-- summary: partitioned by week, with BRIN on the time instead of a btree
-- expects: cheaper writes than weekly, and reads of a day hardly slower as long as few events come late

CREATE TABLE event (
    happened_at timestamp NOT NULL,  -- UTC
    user_id text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('FIRST_INSTALL', 'LOG_IN', 'LIKE_ARTICLE')),
    article text COLLATE "C",
    CHECK ((kind = 'LIKE_ARTICLE') = (article IS NOT NULL))
) PARTITION BY RANGE (happened_at);

-- Made ahead for 20 weeks, as a job would do; what falls into none of them goes to the default.
DO $$
BEGIN
    FOR number IN 0..19 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF event FOR VALUES FROM (%L) TO (%L)',
                       'event_' || to_char(DATE '2015-08-31' + 7 * number, 'IYYY_IW'),
                       DATE '2015-08-31' + 7 * number, DATE '2015-09-07' + 7 * number);
    END LOOP;
END
$$;
CREATE TABLE event_other PARTITION OF event DEFAULT;

-- An event that is sent again is the same. User first, so that the log-ins of a user are found, too.
CREATE UNIQUE INDEX event_once ON event (user_id, kind, happened_at, article) NULLS NOT DISTINCT;
-- A day is some 20 pages here: the default of 128 pages would be a whole week.
CREATE INDEX event_time ON event USING brin (happened_at) WITH (pages_per_range = 8);

CREATE VIEW liked AS
SELECT user_id, article, happened_at AS liked_at FROM event WHERE kind = 'LIKE_ARTICLE';

CREATE VIEW daily_likes AS
SELECT liked_at::date AS day, article, count(*) AS likes FROM liked GROUP BY liked_at::date, article;

CREATE VIEW installed AS
SELECT user_id, date_trunc('week', happened_at)::date AS week FROM event WHERE kind = 'FIRST_INSTALL';

CREATE VIEW active AS
SELECT DISTINCT user_id, date_trunc('week', happened_at)::date AS week FROM event WHERE kind = 'LOG_IN';
