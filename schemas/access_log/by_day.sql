-- candidate: by_day
-- summary: lines partitioned by day, for May and June 2015, and one partition for all other lines; no index on the time
-- expects: cheaper lines and reads of whole partitions; old days are dropped in no time; a read of an hour reads its
--   day

CREATE TABLE access (
  logged_at timestamptz NOT NULL,
  host text COLLATE "C" NOT NULL,
  bytes bigint NOT NULL,
  line text NOT NULL  -- as it came
) PARTITION BY RANGE (logged_at);
-- A job makes partitions ahead; lines of any other day are kept in the default partition.
CREATE TABLE access_other PARTITION OF access DEFAULT;
DO $$
DECLARE
  day date;
BEGIN
  FOR day IN SELECT generate_series('2015-05-01'::date, '2015-06-30'::date, '1 day')::date LOOP
    EXECUTE format('CREATE TABLE access_%s PARTITION OF access FOR VALUES FROM (%L) TO (%L)',
                   to_char(day, 'YYYY_MM_DD'), day || ' 00:00+00', day + 1 || ' 00:00+00');
  END LOOP;
END
$$;

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
