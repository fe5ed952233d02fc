-- candidate: partitioned
-- summary: star whose fact is partitioned by month, months created at need
-- expects: no faster at these sizes: what it buys is dropping a month at once, and small indexes for years

-- Names compare byte by byte: ties between pages are settled by the C collation wherever this runs.
CREATE TABLE domain_dim (
  domain_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE page_dim (
  page_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

-- While an hour loads the fact holds all its lines, without a rank; then the 25 first of each domain, ranked.
CREATE TABLE pageview_fact (
  date_hour timestamp NOT NULL,  -- UTC
  domain_id integer NOT NULL REFERENCES domain_dim,
  page_id bigint NOT NULL REFERENCES page_dim,
  views bigint NOT NULL,
  rank smallint,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (date_hour, domain_id, page_id)
) PARTITION BY RANGE (date_hour);

-- Runs go back and forth in time, so a month comes into being when its first hour is asked for. ATTACH PARTITION lets
-- others go on reading and writing the parent; CREATE TABLE ... PARTITION OF would stop them all. The new foreign keys
-- lock out writers of the dimensions: this is why find_hour does it, in a short transaction that holds nothing else,
-- and not load_pages.
CREATE FUNCTION ensure_month(date_hour timestamp) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  first_hour timestamp := date_trunc('month', date_hour);
  next_hour timestamp := first_hour + interval '1 month';
  month text := 'pageview_fact_' || to_char(first_hour, 'YYYY_MM');
BEGIN
  IF to_regclass(month) IS NOT NULL THEN
    RETURN;
  END IF;
  -- The lock that ATTACH takes in any case. Waiting for it also makes the name visible that another has just created,
  -- which waiting for an advisory lock would not.
  LOCK TABLE pageview_fact IN SHARE UPDATE EXCLUSIVE MODE;
  IF to_regclass(month) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE pageview_fact INCLUDING ALL)', month);
  EXECUTE format('ALTER TABLE pageview_fact ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                 month, first_hour, next_hour);
END
$$;

-- The hours that are whole.
CREATE TABLE loaded_hour (
  date_hour timestamp PRIMARY KEY,
  loaded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE blacklist (
  domain text COLLATE "C",
  page text COLLATE "C",
  PRIMARY KEY (domain, page)
);

CREATE VIEW ranked_page AS
SELECT date_hour, domain_dim.name AS domain, page_dim.name AS page, views, rank
FROM pageview_fact JOIN domain_dim USING (domain_id) JOIN page_dim USING (page_id)
WHERE rank IS NOT NULL;

-- name: find_hour
SELECT ensure_month(:date_hour::timestamp);
SELECT date_hour FROM loaded_hour WHERE date_hour = :date_hour::timestamp;
