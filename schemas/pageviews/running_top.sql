-- candidate: running_top
-- summary: star behind a table that keeps no more than 25 lines of a domain while it loads
-- expects: at least 1.5 times the baseline's throughput: most lines never touch a table, and loaders never meet

-- Names compare byte by byte: ties between pages are settled by the C collation wherever this runs.
CREATE TABLE domain_dim (
  domain_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE page_dim (
  page_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

-- Only what is among the 25 first of its domain ever comes here, and into the dimensions.
CREATE TABLE pageview_fact (
  date_hour timestamp NOT NULL,  -- UTC
  domain_id integer NOT NULL REFERENCES domain_dim,
  page_id bigint NOT NULL REFERENCES page_dim,
  views bigint NOT NULL,
  rank smallint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (date_hour, domain_id, page_id)
);

-- The 25 first lines of each domain so far, of the hours that are loading. By name, so that a page that is overtaken
-- later never costs a row of a dimension.
CREATE TABLE contender (
  date_hour timestamp NOT NULL,
  views bigint NOT NULL,
  domain text COLLATE "C" NOT NULL,
  page text COLLATE "C" NOT NULL,
  PRIMARY KEY (date_hour, domain, page)
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
FROM pageview_fact JOIN domain_dim USING (domain_id) JOIN page_dim USING (page_id);

-- name: load_pages
-- Two loaders of one hour would each keep 25: they take turns. The lock is a statement of its own, so that the next one
-- sees what the other has committed.
SELECT pg_advisory_xact_lock(extract(epoch FROM :date_hour::timestamp)::bigint);
-- Only what is among the 25 first of its domain in the chunk can be among the 25 first of the hour.
WITH line AS (
  SELECT domain, page, views,
         row_number() OVER (PARTITION BY domain ORDER BY views DESC, page COLLATE "C") AS rank
  FROM unnest(:domains::text[], :pages::text[], :views::bigint[]) AS line (domain, page, views)
  WHERE NOT EXISTS (SELECT FROM blacklist WHERE blacklist.domain = line.domain AND blacklist.page = line.page)
    AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
), entry AS (
  SELECT domain, page, views FROM line WHERE rank <= 25
  UNION ALL
  SELECT domain, page, views
  FROM contender
  WHERE date_hour = :date_hour::timestamp AND domain IN (SELECT domain FROM line)
), ranked AS MATERIALIZED (
  SELECT :date_hour::timestamp AS date_hour, domain, page, max(views) AS views,
         row_number() OVER (PARTITION BY domain ORDER BY max(views) DESC, page COLLATE "C") AS rank
  FROM entry
  GROUP BY domain, page
), overtaken AS (
  DELETE FROM contender
  USING ranked
  WHERE contender.date_hour = ranked.date_hour
    AND contender.domain = ranked.domain AND contender.page = ranked.page AND ranked.rank > 25
)
INSERT INTO contender (date_hour, domain, page, views)
SELECT date_hour, domain, page, views
FROM ranked
WHERE rank <= 25
ON CONFLICT (date_hour, domain, page) DO UPDATE
SET views = EXCLUDED.views
WHERE contender.views < EXCLUDED.views;

-- name: finish_hour
SELECT pg_advisory_xact_lock(extract(epoch FROM :date_hour::timestamp)::bigint);
INSERT INTO domain_dim (name)
SELECT DISTINCT domain COLLATE "C"
FROM contender
WHERE date_hour = :date_hour::timestamp AND NOT EXISTS (SELECT FROM domain_dim WHERE name = domain)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
INSERT INTO page_dim (name)
SELECT DISTINCT page COLLATE "C"
FROM contender
WHERE date_hour = :date_hour::timestamp AND NOT EXISTS (SELECT FROM page_dim WHERE name = page)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
WITH claimed AS (
  INSERT INTO loaded_hour (date_hour) VALUES (:date_hour::timestamp) ON CONFLICT DO NOTHING RETURNING date_hour
), taken AS (
  DELETE FROM contender WHERE date_hour = :date_hour::timestamp RETURNING domain, page, views
)
INSERT INTO pageview_fact (date_hour, domain_id, page_id, views, rank)
SELECT claimed.date_hour, domain_id, page_id, views,
       row_number() OVER (PARTITION BY domain ORDER BY views DESC, page COLLATE "C")
FROM claimed CROSS JOIN taken
JOIN domain_dim ON domain_dim.name = domain
JOIN page_dim ON page_dim.name = page
ORDER BY domain_id, page_id;

-- name: withdraw_hour
DELETE FROM loaded_hour WHERE date_hour = :date_hour::timestamp;
DELETE FROM contender WHERE date_hour = :date_hour::timestamp;
DELETE FROM pageview_fact WHERE date_hour = :date_hour::timestamp;
