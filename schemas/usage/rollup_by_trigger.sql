-- candidate: rollup_by_trigger
-- extends: baseline
-- summary: rollup tables kept by statement triggers instead of materialized views; totals that fall to 0 stay for ever
-- expects: the aggregations several times faster, as each insert touches its own rows of the rollup only; no
--   waits for the reader

DROP MATERIALIZED VIEW cdn_open, ping_open;

-- Totals of what is not compacted yet, in place of the views. An insert adds, the delete of a compaction takes away. A
-- total that falls to 0 stays: the next run needs the row again. The price: once its day is over, nothing needs it any
-- more, and nothing removes it, so that each day leaves as many rows here as there are daily ones. A job would have to
-- delete them. Sorted, so that two statements lock rows in one order.
CREATE TABLE cdn_open (
    utc_date date NOT NULL,
    site_id text NOT NULL,
    cdn text NOT NULL,
    bytes_streamed bigint NOT NULL,
    PRIMARY KEY (utc_date, site_id, cdn)
);

CREATE FUNCTION cdn_open_add() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    INSERT INTO cdn_open AS open (utc_date, site_id, cdn, bytes_streamed)
    SELECT utc_date, site_id, cdn, sign * sum(bytes_streamed)
    FROM changed
    GROUP BY utc_date, site_id, cdn
    ORDER BY utc_date, site_id, cdn
    ON CONFLICT (utc_date, site_id, cdn) DO UPDATE SET
        bytes_streamed = open.bytes_streamed + excluded.bytes_streamed;
    RETURN NULL;
END
$$;
CREATE TRIGGER cdn_open_inserted AFTER INSERT ON cdn_batch REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION cdn_open_add();
CREATE TRIGGER cdn_open_deleted AFTER DELETE ON cdn_batch REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION cdn_open_add();

CREATE TABLE ping_open (
    utc_date date NOT NULL,
    analytics_id text NOT NULL,
    plays bigint NOT NULL,
    ad_impressions bigint NOT NULL,
    PRIMARY KEY (utc_date, analytics_id)
);

CREATE FUNCTION ping_open_add() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    INSERT INTO ping_open AS open (utc_date, analytics_id, plays, ad_impressions)
    SELECT utc_date, analytics_id, sign * sum(plays), sign * sum(ad_impressions)
    FROM changed
    GROUP BY utc_date, analytics_id
    ORDER BY utc_date, analytics_id
    ON CONFLICT (utc_date, analytics_id) DO UPDATE SET
        plays = open.plays + excluded.plays,
        ad_impressions = open.ad_impressions + excluded.ad_impressions;
    RETURN NULL;
END
$$;
CREATE TRIGGER ping_open_inserted AFTER INSERT ON ping_batch REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ping_open_add();
CREATE TRIGGER ping_open_deleted AFTER DELETE ON ping_batch REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ping_open_add();

-- Nothing to refresh.

-- name: refresh_cdn_views
SELECT WHERE false;

-- name: refresh_ping_views
SELECT WHERE false;

-- The trigger does what the refresh at the end of a compaction did.

-- name: compact_cdn
WITH finished AS (
    DELETE FROM cdn_batch WHERE batch_id BETWEEN :first_batch::bigint AND :through_batch::bigint
    RETURNING utc_date, site_id, cdn, bytes_streamed
)
INSERT INTO cdn_daily AS daily (utc_date, site_id, cdn, bytes_streamed)
SELECT utc_date, site_id, cdn, sum(bytes_streamed)::bigint
FROM finished
GROUP BY utc_date, site_id, cdn
ORDER BY utc_date, site_id, cdn
ON CONFLICT (utc_date, site_id, cdn) DO UPDATE SET
    bytes_streamed = daily.bytes_streamed + excluded.bytes_streamed;

-- name: compact_ping
WITH finished AS (
    DELETE FROM ping_batch WHERE batch_id BETWEEN :first_batch::bigint AND :through_batch::bigint
    RETURNING utc_date, analytics_id, plays, ad_impressions
)
INSERT INTO ping_daily AS daily (utc_date, analytics_id, plays, ad_impressions)
SELECT utc_date, analytics_id, sum(plays)::bigint, sum(ad_impressions)::bigint
FROM finished
GROUP BY utc_date, analytics_id
ORDER BY utc_date, analytics_id
ON CONFLICT (utc_date, analytics_id) DO UPDATE SET
    plays = daily.plays + excluded.plays,
    ad_impressions = daily.ad_impressions + excluded.ad_impressions;
