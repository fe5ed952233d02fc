-- candidate: schema_per_set
-- summary: a schema for each set, emptied by TRUNCATE; the flag stays a plain row, in a table of both
-- expects: no lock and no dead row between the sets; indexes without the set

CREATE TABLE insight_flag (
    set_id text PRIMARY KEY
);

-- for each part
CREATE SCHEMA :"set";
CREATE TABLE :"set".staging (
    day int NOT NULL,
    line int NOT NULL,
    prescription text NOT NULL,
    member text NOT NULL,
    policy text NOT NULL,
    plan text NOT NULL,
    drug text NOT NULL,
    cents bigint NOT NULL
);

-- The load's side. A day that is in file_load is finished, and is never loaded again.
CREATE TABLE :"set".file_load (
    day int NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (day)
);
CREATE TABLE :"set".member (
    member text NOT NULL,
    first_day int NOT NULL,
    fills bigint NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (member)
);
CREATE TABLE :"set".policy (
    policy text NOT NULL,
    plan text NOT NULL,
    fills bigint NOT NULL,
    published_on int,
    PRIMARY KEY (policy)
);
CREATE TABLE :"set".prescription (
    prescription text NOT NULL,
    member text NOT NULL,
    policy text NOT NULL,
    drug text NOT NULL,
    first_day int NOT NULL,
    cents bigint NOT NULL,
    fills bigint NOT NULL,
    last_day int NOT NULL,
    PRIMARY KEY (prescription)
);
CREATE INDEX prescription_day ON :"set".prescription (first_day);

-- What insight empties and fills: the last of the three is read by the load.
CREATE TABLE :"set".member_outcome (
    member text NOT NULL,
    first_day int NOT NULL,
    prescriptions bigint NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (member)
);
CREATE TABLE :"set".plan_outcome (
    plan text NOT NULL,
    drug text NOT NULL,
    prescriptions bigint NOT NULL,
    members bigint NOT NULL,
    published bigint NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (plan, drug)
);
CREATE TABLE :"set".approval (
    prescription text NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (prescription)
);
-- end

-- The flag is a row that is there as long as the job runs: committed first, so that operators see it, and removed last.
CREATE PROCEDURE insight(own text, before int, days int, limit_cents bigint) LANGUAGE plpgsql AS $$
DECLARE
    finished int[];
BEGIN
    INSERT INTO insight_flag (set_id) VALUES (own) ON CONFLICT (set_id) DO NOTHING;
    COMMIT;
    EXECUTE format('SELECT ARRAY(SELECT day FROM %I.file_load WHERE day < $1 ORDER BY day DESC LIMIT $2)', own)
    INTO finished USING before, days;
    EXECUTE format('TRUNCATE %1$I.member_outcome, %1$I.plan_outcome', own);
    EXECUTE format(
        $sql$
        INSERT INTO %1$I.member_outcome (member, first_day, prescriptions, spent_cents)
        SELECT member, member.first_day, count(*), sum(cents)::bigint
        FROM %1$I.prescription
        JOIN %1$I.member USING (member)
        WHERE prescription.first_day = ANY ($2)
        GROUP BY member, member.first_day
        $sql$, own
    ) USING own, finished, before, limit_cents;
    EXECUTE format(
        $sql$
        INSERT INTO %1$I.plan_outcome (plan, drug, prescriptions, members, published, spent_cents)
        SELECT plan, drug, count(*), count(DISTINCT member),
            count(*) FILTER (WHERE published_on < $3), sum(cents)::bigint
        FROM %1$I.prescription
        JOIN %1$I.policy USING (policy)
        WHERE first_day = ANY ($2)
        GROUP BY plan, drug
        $sql$, own
    ) USING own, finished, before, limit_cents;
    COMMIT;
    EXECUTE format('TRUNCATE %1$I.approval', own);
    EXECUTE format(
        $sql$
        INSERT INTO %1$I.approval (prescription, spent_cents)
        SELECT prescription, outcome.spent_cents
        FROM %1$I.prescription
        JOIN %1$I.policy USING (policy)
        JOIN %1$I.member_outcome AS outcome USING (member)
        WHERE prescription.first_day = ANY ($2) AND published_on < $3 AND outcome.spent_cents <= $4
        $sql$, own
    ) USING own, finished, before, limit_cents;
    COMMIT;
    DELETE FROM insight_flag WHERE set_id = own;
END
$$;

-- name: stage_record
-- batch: 1000 within 1 s
COPY :"set".staging (day, line, prescription, member, policy, plan, drug, cents) FROM STDIN;

-- name: check_records
DELETE FROM :"set".staging
WHERE day <> :day::int OR member = '' OR cents <= 0;

-- name: read_approvals
SELECT count(*) AS staged, count(approval.prescription) AS approved
FROM :"set".staging
LEFT JOIN :"set".approval USING (prescription);

-- name: apply_records
-- as: claimed
-- if none: stop
INSERT INTO :"set".file_load (day, records)
SELECT :day::int, count(*) FROM :"set".staging WHERE day = :day::int
ON CONFLICT (day) DO NOTHING
RETURNING day;

INSERT INTO :"set".member AS stored (member, first_day, fills, spent_cents)
SELECT member, day, count(*), sum(cents)::bigint
FROM :"set".staging
WHERE day = :day::int
GROUP BY member, day
ORDER BY member
ON CONFLICT (member) DO UPDATE SET
    fills = stored.fills + excluded.fills,
    spent_cents = stored.spent_cents + excluded.spent_cents;

INSERT INTO :"set".policy AS stored (policy, plan, fills)
SELECT policy, plan, count(*)
FROM :"set".staging
WHERE day = :day::int
GROUP BY policy, plan
ORDER BY policy
ON CONFLICT (policy) DO UPDATE SET fills = stored.fills + excluded.fills;

INSERT INTO :"set".prescription AS stored (prescription, member, policy, drug, first_day, cents, fills, last_day)
SELECT prescription, member, policy, drug, day, sum(cents)::bigint, count(*), day
FROM :"set".staging
WHERE day = :day::int
GROUP BY prescription, member, policy, drug, day
ORDER BY prescription
ON CONFLICT (prescription) DO UPDATE SET
    fills = stored.fills + excluded.fills,
    last_day = greatest(stored.last_day, excluded.last_day);

-- name: clear_staging
-- as: staged
-- if none: stop
SELECT day FROM :"set".staging LIMIT 1;
TRUNCATE :"set".staging;

-- name: publish_policy
-- retry: P0002
-- as: allowed
SELECT true AS allowed WHERE NOT EXISTS (SELECT FROM insight_flag WHERE set_id = :'set');
UPDATE :"set".policy SET published_on = least(published_on, :day::int)
WHERE policy = :policy::text;

-- name: load_members
COPY :"set".member (member, first_day, fills, spent_cents) FROM STDIN;

-- name: load_policies
COPY :"set".policy (policy, plan, fills, published_on) FROM STDIN;

-- name: load_prescriptions
COPY :"set".prescription (prescription, member, policy, drug, first_day, cents, fills, last_day) FROM STDIN;

-- name: load_days
COPY :"set".file_load (day, records) FROM STDIN;

-- name: state_staging
SELECT :'set' AS set_id, day, line, prescription, member, policy, plan, drug, cents
FROM :"set".staging
ORDER BY day, line;

-- name: state_days
SELECT :'set' AS set_id, day, records FROM :"set".file_load ORDER BY day;

-- name: state_members
SELECT :'set' AS set_id, member, first_day, fills, spent_cents
FROM :"set".member
ORDER BY member COLLATE "C";

-- name: state_policies
SELECT :'set' AS set_id, policy, plan, fills, published_on
FROM :"set".policy
ORDER BY policy COLLATE "C";

-- name: state_prescriptions
SELECT :'set' AS set_id, prescription, member, policy, drug, first_day, cents, fills, last_day
FROM :"set".prescription
ORDER BY prescription COLLATE "C";

-- name: state_members_outcome
SELECT :'set' AS set_id, member, first_day, prescriptions, spent_cents
FROM :"set".member_outcome
ORDER BY member COLLATE "C";

-- name: state_plans_outcome
SELECT :'set' AS set_id, plan, drug, prescriptions, members, published, spent_cents
FROM :"set".plan_outcome
ORDER BY plan COLLATE "C", drug COLLATE "C";

-- name: state_approvals
SELECT :'set' AS set_id, prescription, spent_cents
FROM :"set".approval
ORDER BY prescription COLLATE "C";

-- name: members_differ_from_prescriptions
SELECT :'set' AS set_id, member, member.fills, filled.fills AS filled
FROM :"set".member
FULL JOIN (
    SELECT member, sum(fills)::bigint AS fills FROM :"set".prescription GROUP BY member
) AS filled USING (member)
WHERE member.fills IS DISTINCT FROM coalesce(filled.fills, 0);
