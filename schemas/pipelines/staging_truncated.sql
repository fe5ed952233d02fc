-- candidate: staging_truncated
-- extends: baseline
-- summary: shared staging emptied by TRUNCATE under an exclusive lock, unless the other set's records are in it
-- expects: each load waits for the other's transactions and keeps it waiting; right, since the other's records stay

-- TRUNCATE knows no set. It may empty the shared table only while no record of the other set is in it, and nobody is
-- about to copy one: hence the lock, for which the load waits until the other's transaction ends. A load that begins
-- finds nothing to empty, as a rule, and needs no lock of the table. Two that have looked would each wait for the other
-- to let go of the table: hence the advisory lock before.
CREATE FUNCTION clear_staging(own text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('clear_staging'));
    IF NOT EXISTS (SELECT FROM staging WHERE set_id = own) THEN
        RETURN;
    END IF;
    LOCK TABLE staging IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM staging WHERE set_id <> own) THEN
        DELETE FROM staging WHERE set_id = own;
    ELSE
        TRUNCATE staging;
    END IF;
END
$$;

-- name: clear_staging
SELECT clear_staging(:'set');
