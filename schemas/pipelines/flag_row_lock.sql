-- candidate: flag_row_lock
-- extends: baseline
-- summary: the flag is a lock of a row: insight is one transaction that holds it, operators share it and wait for it;
--   production's two databases would have to be one
-- expects: no operator tries again, each waits until insight commits; dead rows of one long transaction

-- The row is always there: who has locked it has the flag. As the baseline's, without a commit in between.
CREATE OR REPLACE PROCEDURE insight(own text, before int, days int, limit_cents bigint) LANGUAGE plpgsql AS $$
DECLARE
    finished int[];
BEGIN
    INSERT INTO insight_flag (set_id) VALUES (own) ON CONFLICT (set_id) DO NOTHING;
    PERFORM set_id FROM insight_flag WHERE set_id = own FOR UPDATE;
    finished := ARRAY(SELECT day FROM file_load WHERE set_id = own AND day < before ORDER BY day DESC LIMIT days);
    DELETE FROM member_outcome WHERE set_id = own;
    INSERT INTO member_outcome (set_id, member, first_day, prescriptions, spent_cents)
    SELECT set_id, member, member.first_day, count(*), sum(cents)::bigint
    FROM prescription
    JOIN member USING (set_id, member)
    WHERE set_id = own AND prescription.first_day = ANY (finished)
    GROUP BY set_id, member, member.first_day;
    DELETE FROM plan_outcome WHERE set_id = own;
    INSERT INTO plan_outcome (set_id, plan, drug, prescriptions, members, published, spent_cents)
    SELECT set_id, plan, drug, count(*), count(DISTINCT member),
        count(*) FILTER (WHERE published_on < before), sum(cents)::bigint
    FROM prescription
    JOIN policy USING (set_id, policy)
    WHERE set_id = own AND first_day = ANY (finished)
    GROUP BY set_id, plan, drug;
    DELETE FROM approval WHERE set_id = own;
    INSERT INTO approval (set_id, prescription, spent_cents)
    SELECT set_id, prescription, outcome.spent_cents
    FROM prescription
    JOIN policy USING (set_id, policy)
    JOIN member_outcome AS outcome USING (set_id, member)
    WHERE set_id = own AND prescription.first_day = ANY (finished) AND published_on < before AND outcome.spent_cents <= limit_cents;
END
$$;

-- name: publish_policy
-- Who comes first makes the other wait.
INSERT INTO insight_flag (set_id) VALUES (:'set') ON CONFLICT (set_id) DO NOTHING;
SELECT set_id FROM insight_flag WHERE set_id = :'set' FOR SHARE;
UPDATE policy SET published_on = least(published_on, :day::int)
WHERE set_id = :'set' AND policy = :policy::text;

-- name: flag_left_up
SELECT set_id FROM insight_flag WHERE false;
