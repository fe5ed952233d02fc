-- candidate: flat
-- summary: no dimensions: domain and page names in the fact
-- expects: at least twice the baseline's throughput, and a fact at least half as large again

-- While an hour loads the fact holds all its lines, without a rank; then the 25 first of each domain, ranked.
CREATE TABLE pageview_fact (
  date_hour timestamp NOT NULL,  -- UTC
  views bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  rank smallint,
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
SELECT date_hour, domain, page, views, rank FROM pageview_fact WHERE rank IS NOT NULL;

-- name: load_pages
INSERT INTO pageview_fact (date_hour, domain, page, views)
SELECT :date_hour::timestamp, domain, page, views
FROM unnest(:domains::text[], :pages::text[], :views::bigint[]) AS line (domain, page, views)
WHERE NOT EXISTS (SELECT FROM blacklist WHERE blacklist.domain = line.domain AND blacklist.page = line.page)
  AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
ORDER BY domain COLLATE "C", page COLLATE "C"
ON CONFLICT (date_hour, domain, page) DO UPDATE
SET views = EXCLUDED.views, updated_at = now()
WHERE pageview_fact.rank IS NULL AND pageview_fact.views < EXCLUDED.views;

-- name: finish_hour
WITH claimed AS (
  INSERT INTO loaded_hour (date_hour) VALUES (:date_hour::timestamp) ON CONFLICT DO NOTHING RETURNING date_hour
), ranked AS MATERIALIZED (
  SELECT date_hour, domain, page,
         row_number() OVER (PARTITION BY domain ORDER BY views DESC, page COLLATE "C") AS rank
  FROM pageview_fact
  WHERE date_hour = :date_hour::timestamp AND EXISTS (SELECT FROM claimed)
), pruned AS (
  DELETE FROM pageview_fact AS fact
  USING ranked
  WHERE fact.date_hour = ranked.date_hour
    AND fact.domain = ranked.domain AND fact.page = ranked.page AND ranked.rank > 25
)
UPDATE pageview_fact AS fact
SET rank = ranked.rank, updated_at = now()
FROM ranked
WHERE fact.date_hour = ranked.date_hour
  AND fact.domain = ranked.domain AND fact.page = ranked.page AND ranked.rank <= 25;
