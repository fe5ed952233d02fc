-- candidate: unpublished_approved
-- mutant of: flag_row_lock
-- summary: insight approves prescriptions of policies that nobody has published
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
    WHERE set_id = own AND prescription.first_day = ANY (finished) AND outcome.spent_cents <= limit_cents;
END
$$;
