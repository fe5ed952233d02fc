-- candidate: swap_by_rename
-- extends: schema_per_set
-- summary: a schema for each set; insight fills spare tables, and renames them into place
-- expects: the load reads approvals all the while, and waits only for the renaming

-- for each part
CREATE TABLE :"set".member_outcome_next (LIKE :"set".member_outcome INCLUDING ALL);
CREATE TABLE :"set".plan_outcome_next (LIKE :"set".plan_outcome INCLUDING ALL);
CREATE TABLE :"set".approval_next (LIKE :"set".approval INCLUDING ALL);
-- end

CREATE OR REPLACE PROCEDURE insight(own text, before int, days int, limit_cents bigint) LANGUAGE plpgsql AS $$
DECLARE
    finished int[];
BEGIN
    INSERT INTO insight_flag (set_id) VALUES (own) ON CONFLICT (set_id) DO NOTHING;
    COMMIT;
    EXECUTE format('SELECT ARRAY(SELECT day FROM %I.file_load WHERE day < $1 ORDER BY day DESC LIMIT $2)', own)
    INTO finished USING before, days;
    EXECUTE format('TRUNCATE %1$I.member_outcome_next, %1$I.plan_outcome_next', own);
    EXECUTE format(
        $sql$
        INSERT INTO %1$I.member_outcome_next (member, first_day, prescriptions, spent_cents)
        SELECT member, member.first_day, count(*), sum(cents)::bigint
        FROM %1$I.prescription
        JOIN %1$I.member USING (member)
        WHERE prescription.first_day = ANY ($2)
        GROUP BY member, member.first_day
        $sql$, own
    ) USING own, finished, before, limit_cents;
    EXECUTE format(
        $sql$
        INSERT INTO %1$I.plan_outcome_next (plan, drug, prescriptions, members, published, spent_cents)
        SELECT plan, drug, count(*), count(DISTINCT member),
            count(*) FILTER (WHERE published_on < $3), sum(cents)::bigint
        FROM %1$I.prescription
        JOIN %1$I.policy USING (policy)
        WHERE first_day = ANY ($2)
        GROUP BY plan, drug
        $sql$, own
    ) USING own, finished, before, limit_cents;
    EXECUTE format('ALTER TABLE %I.member_outcome RENAME TO member_outcome_old', own);
    EXECUTE format('ALTER TABLE %I.member_outcome_next RENAME TO member_outcome', own);
    EXECUTE format('ALTER TABLE %I.member_outcome_old RENAME TO member_outcome_next', own);
    EXECUTE format('ALTER TABLE %I.plan_outcome RENAME TO plan_outcome_old', own);
    EXECUTE format('ALTER TABLE %I.plan_outcome_next RENAME TO plan_outcome', own);
    EXECUTE format('ALTER TABLE %I.plan_outcome_old RENAME TO plan_outcome_next', own);
    COMMIT;
    EXECUTE format('TRUNCATE %1$I.approval_next', own);
    EXECUTE format(
        $sql$
        INSERT INTO %1$I.approval_next (prescription, spent_cents)
        SELECT prescription, outcome.spent_cents
        FROM %1$I.prescription
        JOIN %1$I.policy USING (policy)
        JOIN %1$I.member_outcome AS outcome USING (member)
        WHERE prescription.first_day = ANY ($2) AND published_on < $3 AND outcome.spent_cents <= $4
        $sql$, own
    ) USING own, finished, before, limit_cents;
    EXECUTE format('ALTER TABLE %I.approval RENAME TO approval_old', own);
    EXECUTE format('ALTER TABLE %I.approval_next RENAME TO approval', own);
    EXECUTE format('ALTER TABLE %I.approval_old RENAME TO approval_next', own);
    COMMIT;
    DELETE FROM insight_flag WHERE set_id = own;
END
$$;
