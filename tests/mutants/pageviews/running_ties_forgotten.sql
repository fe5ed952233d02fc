-- candidate: running_ties_forgotten
-- mutant of: running_top
-- summary: which pages of equal views are among the 25 kept while an hour loads is left to chance
-- name: load_pages
SELECT pg_advisory_xact_lock(extract(epoch FROM :date_hour::timestamp)::bigint);
WITH line AS (
  SELECT domain, page, views,
         row_number() OVER (PARTITION BY domain ORDER BY views DESC) AS rank
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
         row_number() OVER (PARTITION BY domain ORDER BY max(views) DESC) AS rank
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
