-- candidate: last_count_stands
-- mutant of: baseline
-- summary: a page that comes again has its last count rather than its greatest
-- name: load_pages
INSERT INTO domain_dim (name)
SELECT DISTINCT domain COLLATE "C"
FROM unnest(:domains::text[]) AS line (domain)
WHERE NOT EXISTS (SELECT FROM domain_dim WHERE name = domain)
  AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
INSERT INTO page_dim (name)
SELECT DISTINCT page COLLATE "C"
FROM unnest(:domains::text[], :pages::text[]) AS line (domain, page)
WHERE NOT EXISTS (SELECT FROM page_dim WHERE name = line.page)
  AND NOT EXISTS (SELECT FROM blacklist WHERE blacklist.domain = line.domain AND blacklist.page = line.page)
  AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
INSERT INTO pageview_fact (date_hour, domain_id, page_id, views)
SELECT :date_hour::timestamp, domain_id, page_id, views
FROM unnest(:domains::text[], :pages::text[], :views::bigint[]) AS line (domain, page, views)
JOIN domain_dim ON domain_dim.name = line.domain
JOIN page_dim ON page_dim.name = line.page
WHERE NOT EXISTS (SELECT FROM blacklist WHERE blacklist.domain = line.domain AND blacklist.page = line.page)
  AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
ORDER BY domain_id, page_id
ON CONFLICT (date_hour, domain_id, page_id) DO UPDATE
SET views = EXCLUDED.views, updated_at = now()
WHERE pageview_fact.rank IS NULL;
