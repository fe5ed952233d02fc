-- candidate: brin
-- summary: BRIN on the time instead of a btree
-- expects: cheaper lines; reads of a few days as fast, since lines come in the order of time

CREATE TABLE access (
  logged_at timestamptz NOT NULL,
  host text COLLATE "C" NOT NULL,
  bytes bigint NOT NULL,
  line text NOT NULL  -- as it came
);
-- Few pages a range: a day of the log has some hundred.
CREATE INDEX access_logged_at ON access USING brin (logged_at) WITH (pages_per_range = 8, autosummarize = on);

-- Broken lines that are kept, as they came.
CREATE TABLE broken_line (line text NOT NULL);

CREATE TABLE address_range (
  first inet PRIMARY KEY,
  last inet NOT NULL,
  country text COLLATE "C" NOT NULL
);

-- The address of a host, or NULL for a name: text that only looks like an address (256.0.0.1, 010.0.0.1) is a name.
CREATE FUNCTION address_of(host text) RETURNS inet LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN host ~ ('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}'
                         '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')
            THEN host::inet END;

CREATE VIEW access_log AS SELECT logged_at, host, 1 AS requests, bytes FROM access;
