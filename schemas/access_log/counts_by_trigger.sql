-- candidate: counts_by_trigger
-- extends: baseline
-- summary: lines are kept, and a statement trigger counts them for each hour and host
-- expects: fast reads; each line is written twice, and lines of one frequent host wait for each other

DROP VIEW access_log;

-- One row for each hour and host.
CREATE TABLE host_hour (
  logged_at timestamptz NOT NULL,  -- when the hour begins
  host text COLLATE "C" NOT NULL,
  requests bigint NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (logged_at, host)
);
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
