-- candidate: views_index
-- summary: star with an index on views, for the ranking
-- expects: slower: every line pays for an entry, and the tie order needs page names, so the ranking sorts all the same

-- Names compare byte by byte: ties between pages are settled by the C collation wherever this runs.
CREATE TABLE domain_dim (
  domain_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE page_dim (
  page_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

-- While an hour loads the fact holds all its lines, without a rank; then the 25 first of each domain, ranked.
CREATE TABLE pageview_fact (
  date_hour timestamp NOT NULL,  -- UTC
  domain_id integer NOT NULL REFERENCES domain_dim,
  page_id bigint NOT NULL REFERENCES page_dim,
  views bigint NOT NULL,
  rank smallint,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (date_hour, domain_id, page_id)
);

CREATE INDEX pageview_fact_views ON pageview_fact (date_hour, domain_id, views DESC);

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
