-- candidate: counts_added
-- mutant of: flat
-- summary: the counts of a page that comes again are added
-- name: load_pages
INSERT INTO pageview_fact (date_hour, domain, page, views)
SELECT :date_hour::timestamp, domain, page, views
FROM unnest(:domains::text[], :pages::text[], :views::bigint[]) AS line (domain, page, views)
WHERE NOT EXISTS (SELECT FROM blacklist WHERE blacklist.domain = line.domain AND blacklist.page = line.page)
  AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
ORDER BY domain COLLATE "C", page COLLATE "C"
ON CONFLICT (date_hour, domain, page) DO UPDATE
SET views = pageview_fact.views + EXCLUDED.views, updated_at = now()
WHERE pageview_fact.rank IS NULL;
