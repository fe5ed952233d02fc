-- candidate: rollup_without_update
-- mutant of: rollup_by_trigger
-- summary: the rollup's trigger inserts totals and never adds to one
CREATE OR REPLACE FUNCTION cdn_open_add() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    INSERT INTO cdn_open AS open (utc_date, site_id, cdn, bytes_streamed)
    SELECT utc_date, site_id, cdn, sign * sum(bytes_streamed)
    FROM changed
    GROUP BY utc_date, site_id, cdn
    ORDER BY utc_date, site_id, cdn
    ON CONFLICT (utc_date, site_id, cdn) DO NOTHING;
    RETURN NULL;
END
$$;
