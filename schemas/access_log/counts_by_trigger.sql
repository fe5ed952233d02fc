-- candidate: counts_by_trigger
-- summary: lines are kept, and a statement trigger counts them for each hour and host
-- expects: fast reads; each line is written twice, and lines of one frequent host wait for each other

CREATE TABLE access (
  logged_at timestamptz NOT NULL,
  host text COLLATE "C" NOT NULL,
  bytes bigint NOT NULL,
  line text NOT NULL  -- as it came
);
CREATE INDEX access_logged_at ON access (logged_at);

-- One row for each hour and host.
CREATE TABLE host_hour (
  logged_at timestamptz NOT NULL,  -- when the hour begins
  host text COLLATE "C" NOT NULL,
  requests bigint NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (logged_at, host)
);

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

CREATE VIEW access_log AS SELECT logged_at, host, requests, bytes FROM host_hour;

CREATE FUNCTION count_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Sorted, so that two statements lock rows in one order.
  INSERT INTO host_hour AS known (logged_at, host, requests, bytes)
  SELECT date_trunc('hour', logged_at, 'UTC'), host, count(*), sum(bytes)::bigint
  FROM logged
  GROUP BY 1, 2
  ORDER BY 1, 2
  ON CONFLICT (logged_at, host) DO UPDATE
  SET requests = known.requests + excluded.requests, bytes = known.bytes + excluded.bytes;
  RETURN NULL;
END
$$;
CREATE TRIGGER access_counted AFTER INSERT ON access REFERENCING NEW TABLE AS logged
  FOR EACH STATEMENT EXECUTE FUNCTION count_lines();
