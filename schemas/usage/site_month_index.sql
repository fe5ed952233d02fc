-- candidate: site_month_index
-- extends: baseline
-- summary: indexes on (site_id, utc_date) and (analytics_id, utc_date) for what is read by the month
-- expects: reads by the month many times faster before PostgreSQL 18, whose skip scan needs no such index;
--   updates stay HOT

-- No indexed column ever changes: events stay HOT, only the first of a day pays.
CREATE INDEX media_storage_month ON media_storage (site_id, utc_date);
CREATE INDEX cdn_daily_month ON cdn_daily (site_id, utc_date);
CREATE INDEX ping_daily_month ON ping_daily (analytics_id, utc_date);
