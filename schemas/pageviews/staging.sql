-- candidate: staging
-- summary: star behind an unlogged table that is ranked and merged when the hour is whole
-- expects: at least twice the baseline's throughput and a fraction of its WAL; finish_hour takes longer

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

-- The lines of the hours that are loading. Unlogged: a crash empties it, and a loader that lost its connection begins
-- its hour again in any case (withdraw_hour). No key: what comes twice is settled at the end.
CREATE UNLOGGED TABLE landing (
  date_hour timestamp NOT NULL,
  views bigint NOT NULL,
  domain text COLLATE "C" NOT NULL,
  page text COLLATE "C" NOT NULL
);
CREATE INDEX landing_hour ON landing (date_hour);

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
INSERT INTO landing (date_hour, domain, page, views)
SELECT :date_hour::timestamp, domain, page, views
FROM unnest(:domains::text[], :pages::text[], :views::bigint[]) AS line (domain, page, views)
WHERE NOT EXISTS (SELECT FROM blacklist WHERE blacklist.domain = line.domain AND blacklist.page = line.page)
  AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp);

-- name: finish_hour
-- First the lines that are not wanted go, so that all that follows reads 25 a domain. Where the hour is loaded there
-- are no lines and nothing happens.
WITH once AS (
  SELECT ctid, domain, page, views,
         row_number() OVER (PARTITION BY domain, page ORDER BY views DESC) AS occurrence
  FROM landing
  WHERE date_hour = :date_hour::timestamp
), ranked AS (
  SELECT ctid, occurrence,
         row_number() OVER (PARTITION BY domain, occurrence > 1 ORDER BY views DESC, page COLLATE "C") AS rank
  FROM once
)
DELETE FROM landing
WHERE ctid = ANY (ARRAY(SELECT ctid FROM ranked WHERE occurrence > 1 OR rank > 25));
INSERT INTO domain_dim (name)
SELECT DISTINCT domain COLLATE "C"
FROM landing
WHERE date_hour = :date_hour::timestamp AND NOT EXISTS (SELECT FROM domain_dim WHERE name = domain)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
INSERT INTO page_dim (name)
SELECT DISTINCT page COLLATE "C"
FROM landing
WHERE date_hour = :date_hour::timestamp AND NOT EXISTS (SELECT FROM page_dim WHERE name = page)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
WITH claimed AS (
  INSERT INTO loaded_hour (date_hour) VALUES (:date_hour::timestamp) ON CONFLICT DO NOTHING RETURNING date_hour
), taken AS (
  DELETE FROM landing WHERE date_hour = :date_hour::timestamp RETURNING domain, page, views
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
DELETE FROM landing WHERE date_hour = :date_hour::timestamp;
DELETE FROM pageview_fact WHERE date_hour = :date_hour::timestamp;
