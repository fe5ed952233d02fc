-- candidate: ties_forgotten
-- mutant of: baseline
-- summary: pages of equal views are ranked as they come, and any of them falls off the end
-- name: finish_hour
WITH claimed AS (
  INSERT INTO loaded_hour (date_hour) VALUES (:date_hour::timestamp) ON CONFLICT DO NOTHING RETURNING date_hour
), ranked AS MATERIALIZED (
  SELECT date_hour, domain_id, page_id,
         row_number() OVER (PARTITION BY domain_id ORDER BY views DESC) AS rank
  FROM pageview_fact JOIN page_dim USING (page_id)
  WHERE date_hour = :date_hour::timestamp AND EXISTS (SELECT FROM claimed)
), pruned AS (
  DELETE FROM pageview_fact AS fact
  USING ranked
  WHERE fact.date_hour = ranked.date_hour
    AND fact.domain_id = ranked.domain_id AND fact.page_id = ranked.page_id AND ranked.rank > 25
)
UPDATE pageview_fact AS fact
SET rank = ranked.rank, updated_at = now()
FROM ranked
WHERE fact.date_hour = ranked.date_hour
  AND fact.domain_id = ranked.domain_id AND fact.page_id = ranked.page_id AND ranked.rank <= 25;
