-- candidate: views_index
-- extends: baseline
-- summary: star with an index on views, for the ranking
-- expects: slower: every line pays for an entry, and the tie order needs page names, so the ranking sorts all the same

CREATE INDEX pageview_fact_views ON pageview_fact (date_hour, domain_id, views DESC);
