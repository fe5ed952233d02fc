-- candidate: covering
-- extends: baseline
-- summary: star with a partial index that covers reading a domain's top 25
-- expects: faster top_pages, slower finish_hour: setting the rank is never a HOT update

-- Partial: lines without a rank, nearly all that are ever inserted, do not touch it.
CREATE INDEX pageview_fact_top ON pageview_fact (date_hour, domain_id, rank) INCLUDE (page_id, views)
WHERE rank IS NOT NULL;
