-- candidate: flag_row_lock
-- extends: baseline
-- summary: the flag is a lock of a row: insight is one transaction that holds it, operators wait for it
-- expects: no operator tries again, each waits until insight commits; dead rows of one long transaction

DROP PROCEDURE insight;

-- name: run_insight
-- The row is always there: who has locked it has the flag.
INSERT INTO insight_flag (set_id) VALUES (:'set') ON CONFLICT (set_id) DO NOTHING;
SELECT set_id FROM insight_flag WHERE set_id = :'set' FOR UPDATE;
DELETE FROM member_outcome WHERE set_id = :'set';
INSERT INTO member_outcome (set_id, member, first_day, prescriptions, spent_cents)
SELECT set_id, member, member.first_day, count(*), sum(cents)::bigint
FROM prescription
JOIN member USING (set_id, member)
WHERE set_id = :'set' AND prescription.first_day = ANY (ARRAY(
    SELECT day FROM file_load WHERE set_id = :'set' AND day < :before::int ORDER BY day DESC LIMIT :days::int
))
GROUP BY set_id, member, member.first_day;
DELETE FROM plan_outcome WHERE set_id = :'set';
INSERT INTO plan_outcome (set_id, plan, drug, prescriptions, members, published, spent_cents)
SELECT set_id, plan, drug, count(*), count(DISTINCT member),
    count(*) FILTER (WHERE published_on < :before::int), sum(cents)::bigint
FROM prescription
JOIN policy USING (set_id, policy)
WHERE set_id = :'set' AND first_day = ANY (ARRAY(
    SELECT day FROM file_load WHERE set_id = :'set' AND day < :before::int ORDER BY day DESC LIMIT :days::int
))
GROUP BY set_id, plan, drug;
DELETE FROM approval WHERE set_id = :'set';
INSERT INTO approval (set_id, prescription, spent_cents)
SELECT set_id, prescription, outcome.spent_cents
FROM prescription
JOIN policy USING (set_id, policy)
JOIN member_outcome AS outcome USING (set_id, member)
WHERE set_id = :'set' AND prescription.first_day = ANY (ARRAY(
    SELECT day FROM file_load WHERE set_id = :'set' AND day < :before::int ORDER BY day DESC LIMIT :days::int
)) AND published_on < :before::int AND outcome.spent_cents <= :limit_cents::bigint;

-- name: publish_policy
INSERT INTO insight_flag (set_id) VALUES (:'set') ON CONFLICT (set_id) DO NOTHING;
SELECT set_id FROM insight_flag WHERE set_id = :'set' FOR SHARE;
UPDATE policy SET published_on = least(published_on, :day::int)
WHERE set_id = :'set' AND policy = :policy::text;

-- name: flag_left_up
SELECT set_id FROM insight_flag WHERE false;
