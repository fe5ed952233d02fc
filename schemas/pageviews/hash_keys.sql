-- candidate: hash_keys
-- summary: star whose pages are keyed by a hash of their name
-- expects: fewer statements and no look-ups, paid for with wider keys in random order

-- Names compare byte by byte: ties between pages are settled by the C collation wherever this runs.
CREATE TABLE domain_dim (
  domain_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

-- A page's key is the MD5 of its name as a uuid: 128 bits, so that two names do not meet. Whoever knows the name knows
-- the key, and the key being unique makes the name so.
CREATE TABLE page_dim (
  page_id uuid PRIMARY KEY,
  name text COLLATE "C" NOT NULL
);

-- While an hour loads the fact holds all its lines, without a rank; then the 25 first of each domain, ranked.
CREATE TABLE pageview_fact (
  date_hour timestamp NOT NULL,  -- UTC
  domain_id integer NOT NULL REFERENCES domain_dim,
  page_id uuid NOT NULL REFERENCES page_dim,
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
INSERT INTO domain_dim (name)
SELECT DISTINCT domain COLLATE "C"
FROM unnest(:domains::text[]) AS line (domain)
WHERE NOT EXISTS (SELECT FROM domain_dim WHERE name = domain)
  AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
-- Pages and facts in one statement, as no key has to be read back.
WITH line AS MATERIALIZED (
  SELECT domain, page, views, md5(page)::uuid AS page_id
  FROM unnest(:domains::text[], :pages::text[], :views::bigint[]) AS line (domain, page, views)
  WHERE NOT EXISTS (SELECT FROM blacklist WHERE blacklist.domain = line.domain AND blacklist.page = line.page)
    AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
), new_page AS (
  INSERT INTO page_dim (page_id, name)
  SELECT DISTINCT page_id, page
  FROM line
  WHERE NOT EXISTS (SELECT FROM page_dim WHERE page_dim.page_id = line.page_id)
  ORDER BY page_id
  ON CONFLICT (page_id) DO NOTHING
)
INSERT INTO pageview_fact (date_hour, domain_id, page_id, views)
SELECT :date_hour::timestamp, domain_id, page_id, views
FROM line JOIN domain_dim ON domain_dim.name = line.domain
ORDER BY domain_id, page_id
ON CONFLICT (date_hour, domain_id, page_id) DO UPDATE
SET views = EXCLUDED.views, updated_at = now()
WHERE pageview_fact.rank IS NULL AND pageview_fact.views < EXCLUDED.views;
