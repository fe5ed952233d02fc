-- candidate: running_top
-- summary: star that keeps no more than 25 lines of a domain while it loads
-- expects: several times the baseline's throughput: most lines are dropped before they touch a table

-- Names compare byte by byte: ties between pages are settled by the C collation wherever this runs.
CREATE TABLE domain_dim (
  domain_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE page_dim (
  page_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

-- While an hour loads the fact holds the 25 first lines of each domain so far, without a rank.
CREATE TABLE pageview_fact (
  date_hour timestamp NOT NULL,  -- UTC
  domain_id integer NOT NULL REFERENCES domain_dim,
  page_id bigint NOT NULL REFERENCES page_dim,
  views bigint NOT NULL,
  rank smallint,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (date_hour, domain_id, page_id)
);

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

-- name: load_pages
-- Only what is among the 25 first of its domain within the chunk can be among the 25 first of the hour.
INSERT INTO domain_dim (name)
SELECT DISTINCT domain COLLATE "C"
FROM unnest(:domains::text[]) AS line (domain)
WHERE NOT EXISTS (SELECT FROM domain_dim WHERE name = domain)
  AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
INSERT INTO page_dim (name)
SELECT DISTINCT page COLLATE "C"
FROM (
  SELECT page, row_number() OVER (PARTITION BY domain ORDER BY views DESC, page COLLATE "C") AS rank
  FROM unnest(:domains::text[], :pages::text[], :views::bigint[]) AS line (domain, page, views)
  WHERE NOT EXISTS (SELECT FROM blacklist WHERE blacklist.domain = line.domain AND blacklist.page = line.page)
    AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
) AS line
WHERE rank <= 25 AND NOT EXISTS (SELECT FROM page_dim WHERE name = line.page)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
-- Two loaders of one hour would each keep 25: they take turns. The lock is a statement of its own, so that the next
-- one sees what the other has committed.
SELECT pg_advisory_xact_lock(extract(epoch FROM :date_hour::timestamp)::bigint);
WITH line AS (
  SELECT domain, page, views,
         row_number() OVER (PARTITION BY domain ORDER BY views DESC, page COLLATE "C") AS rank
  FROM unnest(:domains::text[], :pages::text[], :views::bigint[]) AS line (domain, page, views)
  WHERE NOT EXISTS (SELECT FROM blacklist WHERE blacklist.domain = line.domain AND blacklist.page = line.page)
    AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
), entry AS (
  SELECT domain_id, page_id, domain_dim.name AS domain, page_dim.name AS page, views
  FROM line JOIN domain_dim ON domain_dim.name = domain JOIN page_dim ON page_dim.name = page
  WHERE line.rank <= 25
  UNION ALL
  SELECT domain_id, page_id, domain_dim.name, page_dim.name, views
  FROM domain_dim JOIN pageview_fact USING (domain_id) JOIN page_dim USING (page_id)
  WHERE date_hour = :date_hour::timestamp AND domain_dim.name IN (SELECT domain FROM line)
), ranked AS (
  SELECT domain_id, page_id, max(views) AS views,
         row_number() OVER (PARTITION BY domain_id ORDER BY max(views) DESC, page COLLATE "C") AS rank
  FROM entry
  GROUP BY domain_id, page_id, page
), dropped AS (
  DELETE FROM pageview_fact AS fact
  USING ranked
  WHERE fact.date_hour = :date_hour::timestamp
    AND fact.domain_id = ranked.domain_id AND fact.page_id = ranked.page_id AND ranked.rank > 25
)
INSERT INTO pageview_fact (date_hour, domain_id, page_id, views)
SELECT :date_hour::timestamp, domain_id, page_id, views
FROM ranked
WHERE rank <= 25
ORDER BY domain_id, page_id
ON CONFLICT (date_hour, domain_id, page_id) DO UPDATE
SET views = EXCLUDED.views, updated_at = now()
WHERE pageview_fact.views < EXCLUDED.views;

-- name: finish_hour
SELECT pg_advisory_xact_lock(extract(epoch FROM :date_hour::timestamp)::bigint);
WITH claimed AS (
  INSERT INTO loaded_hour (date_hour) VALUES (:date_hour::timestamp) ON CONFLICT DO NOTHING RETURNING date_hour
), ranked AS (
  SELECT domain_id, page_id,
         row_number() OVER (PARTITION BY domain_id ORDER BY views DESC, page_dim.name COLLATE "C") AS rank
  FROM pageview_fact JOIN page_dim USING (page_id)
  WHERE date_hour = :date_hour::timestamp AND EXISTS (SELECT FROM claimed)
)
UPDATE pageview_fact AS fact
SET rank = ranked.rank, updated_at = now()
FROM ranked
WHERE fact.date_hour = :date_hour::timestamp
  AND fact.domain_id = ranked.domain_id AND fact.page_id = ranked.page_id;
