-- What the loader and the readers of page views execute, for a star of one fact and two dimensions.
--
-- Every candidate offers the view ranked_page (date_hour, domain, page, views, rank): the logical state, which holds an
-- hour from the moment that it is whole. Readers and checks use only the view and the two tables loaded_hour
-- (date_hour) and blacklist (domain, page), so that a candidate overrides no more than how it loads.

-- name: find_hour
-- The loader asks before it fetches a file: an hour that is loaded is skipped. It is the first call for every hour, so
-- what an hour needs can be prepared here.
SELECT date_hour FROM loaded_hour WHERE date_hour = :date_hour::timestamp;

-- name: blacklist_pages
-- Sorted, so that two loaders that bring the same list cannot deadlock; nothing is written where all is known.
INSERT INTO blacklist (domain, page)
SELECT domain, page
FROM unnest(:domains::text[], :pages::text[]) AS line (domain, page)
WHERE NOT EXISTS (SELECT FROM blacklist AS known WHERE known.domain = line.domain AND known.page = line.page)
ORDER BY domain COLLATE "C", page COLLATE "C"
ON CONFLICT DO NOTHING;

-- name: load_pages
-- A chunk of the lines of one hour; a page stands in a chunk once. Does nothing for an hour that is loaded.
-- Three statements, not one: each sees what concurrent loaders committed before it began, so that the dimensions of the
-- first two are complete for the third. All inserts are sorted: two loaders wait for each other in one direction only.
INSERT INTO domain_dim (name)
SELECT DISTINCT domain COLLATE "C"
FROM unnest(:domains::text[]) AS line (domain)
WHERE NOT EXISTS (SELECT FROM domain_dim WHERE name = domain)
  AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
-- NOT EXISTS first: ON CONFLICT alone would use up a number of the sequence for every page that is known.
INSERT INTO page_dim (name)
SELECT DISTINCT page COLLATE "C"
FROM unnest(:domains::text[], :pages::text[]) AS line (domain, page)
WHERE NOT EXISTS (SELECT FROM page_dim WHERE name = line.page)
  AND NOT EXISTS (SELECT FROM blacklist WHERE blacklist.domain = line.domain AND blacklist.page = line.page)
  AND NOT EXISTS (SELECT FROM loaded_hour WHERE date_hour = :date_hour::timestamp)
ORDER BY 1
ON CONFLICT (name) DO NOTHING;
-- Where a page comes again in a later chunk the greater count stands: a chunk that is sent twice changes nothing.
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
WHERE pageview_fact.rank IS NULL AND pageview_fact.views < EXCLUDED.views;

-- name: finish_hour
-- One statement: the hour is claimed, its pages are ranked, the 25 first of each domain stay. Whoever comes second
-- waits for the claim and then finds nothing to do. The fact is joined by the hour in "ranked" rather than by the
-- parameter: the planner takes an hour that it has no statistics of for a single row, and would compare all with all.
WITH claimed AS (
  INSERT INTO loaded_hour (date_hour) VALUES (:date_hour::timestamp) ON CONFLICT DO NOTHING RETURNING date_hour
), ranked AS MATERIALIZED (
  SELECT date_hour, domain_id, page_id,
         row_number() OVER (PARTITION BY domain_id ORDER BY views DESC, page_dim.name COLLATE "C") AS rank
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

-- name: withdraw_hour
-- A forced reload begins with it: whatever there is of the hour goes, and loading it again is as loading it first.
DELETE FROM loaded_hour WHERE date_hour = :date_hour::timestamp;
DELETE FROM pageview_fact WHERE date_hour = :date_hour::timestamp;

-- name: top_pages
SELECT page, views, rank
FROM ranked_page
WHERE date_hour = :date_hour::timestamp AND domain = :domain::text
ORDER BY rank;

-- name: top_domains
SELECT domain, sum(views) AS views
FROM ranked_page
WHERE date_hour = :date_hour::timestamp
GROUP BY domain
ORDER BY sum(views) DESC, domain COLLATE "C"
LIMIT 10;

-- name: check_hour
-- What the loader's report asserts of an hour: enough domains, none with more than 25 entries, sorted, a first page
-- with enough views, and the largest numbers for `en`.
SELECT count(DISTINCT domain) AS domains, max(entries) AS most_entries, bool_and(in_order) AS sorted,
       max(views) AS most_views,
       coalesce(max(domain_views) FILTER (WHERE domain = 'en') = max(domain_views), false) AS led_by_en
FROM (
  SELECT domain, views,
         coalesce(lag(views) OVER (PARTITION BY domain ORDER BY rank) >= views, true) AS in_order,
         count(*) OVER (PARTITION BY domain) AS entries,
         sum(views) OVER (PARTITION BY domain) AS domain_views
  FROM ranked_page
  WHERE date_hour = :date_hour::timestamp
) AS entry;

-- name: loaded_hours
SELECT date_hour FROM loaded_hour ORDER BY date_hour;

-- name: ranked_pages
SELECT date_hour, domain COLLATE "C" AS domain, rank, page, views
FROM ranked_page
ORDER BY date_hour, domain COLLATE "C", rank, page COLLATE "C";

-- name: domains_of_too_many_entries
SELECT date_hour, domain, count(*) AS entries
FROM ranked_page
GROUP BY date_hour, domain
HAVING count(*) > 25;

-- name: entries_doubled
SELECT date_hour, domain, page, count(*) AS entries
FROM ranked_page
GROUP BY date_hour, domain, page
HAVING count(*) > 1;

-- name: ranks_with_gaps
SELECT date_hour, domain, rank, place
FROM (
  SELECT date_hour, domain, rank, row_number() OVER (PARTITION BY date_hour, domain ORDER BY rank) AS place
  FROM ranked_page
) AS entry
WHERE rank <> place;

-- name: entries_out_of_order
SELECT date_hour, domain, rank, page, views
FROM (
  SELECT date_hour, domain, rank, page, views,
         row_number() OVER (PARTITION BY date_hour, domain ORDER BY views DESC, page COLLATE "C") AS place
  FROM ranked_page
) AS entry
WHERE rank <> place;

-- name: blacklisted_entries
SELECT date_hour, domain, page FROM ranked_page JOIN blacklist USING (domain, page);

-- name: entries_of_hours_not_loaded
SELECT date_hour, domain, page
FROM ranked_page
WHERE NOT EXISTS (SELECT FROM loaded_hour WHERE loaded_hour.date_hour = ranked_page.date_hour);

-- The next ones check each loaded hour against the sizes of the workload: see bounds.py.

-- name: hours_of_too_few_domains
SELECT date_hour, count(DISTINCT domain) AS domains
FROM loaded_hour LEFT JOIN ranked_page USING (date_hour)
GROUP BY date_hour
HAVING count(DISTINCT domain) < :'fewest_domains'::bigint;

-- name: hours_of_too_few_views
SELECT date_hour, max(views) AS top_views
FROM loaded_hour LEFT JOIN ranked_page USING (date_hour)
GROUP BY date_hour
HAVING coalesce(max(views), 0) < :'top_views'::bigint;

-- name: hours_led_by_another_domain
-- The largest domain has nearly as many entries as any may have, and no other one has many times its views.
WITH domain_of_hour AS (
  SELECT date_hour, domain, count(*) AS entries, sum(views) AS views FROM ranked_page GROUP BY date_hour, domain
), compared AS (
  SELECT date_hour,
         coalesce(max(entries) FILTER (WHERE domain = :'largest_domain'), 0) AS entries,
         coalesce(max(views) FILTER (WHERE domain = :'largest_domain'), 0) AS views,
         max(views) FILTER (WHERE domain <> :'largest_domain') AS most_views
  FROM loaded_hour LEFT JOIN domain_of_hour USING (date_hour)
  GROUP BY date_hour
)
SELECT date_hour, entries, views, most_views
FROM compared
WHERE entries < :'largest_entries'::bigint OR most_views > views * :'most_times'::numeric;
