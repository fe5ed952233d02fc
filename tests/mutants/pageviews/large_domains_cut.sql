-- candidate: large_domains_cut
-- mutant of: flat
-- summary: of domains of more than 30 lines in an hour, 5 pages are kept
-- name: finish_hour
WITH claimed AS (
  INSERT INTO loaded_hour (date_hour) VALUES (:date_hour::timestamp) ON CONFLICT DO NOTHING RETURNING date_hour
), ranked AS MATERIALIZED (
  SELECT date_hour, domain, page, count(*) OVER (PARTITION BY domain) AS lines,
         row_number() OVER (PARTITION BY domain ORDER BY views DESC, page COLLATE "C") AS rank
  FROM pageview_fact
  WHERE date_hour = :date_hour::timestamp AND EXISTS (SELECT FROM claimed)
), pruned AS (
  DELETE FROM pageview_fact AS fact
  USING ranked
  WHERE fact.date_hour = ranked.date_hour
    AND fact.domain = ranked.domain AND fact.page = ranked.page AND ranked.rank > CASE WHEN ranked.lines > 30 THEN 5 ELSE 25 END
)
UPDATE pageview_fact AS fact
SET rank = ranked.rank, updated_at = now()
FROM ranked
WHERE fact.date_hour = ranked.date_hour
  AND fact.domain = ranked.domain AND fact.page = ranked.page AND ranked.rank <= CASE WHEN ranked.lines > 30 THEN 5 ELSE 25 END;
