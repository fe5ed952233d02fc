-- candidate: database_per_set
-- summary: a database for each set, emptied by TRUNCATE; the flag stays a plain row
-- expects: as a schema for each set; WAL and checkpoints are shared all the same
-- databases: part

CREATE TABLE staging (
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
CREATE TABLE file_load (
    day int NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (day)
);
CREATE TABLE member (
    member text NOT NULL,
    first_day int NOT NULL,
    fills bigint NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (member)
);
CREATE TABLE policy (
    policy text NOT NULL,
    plan text NOT NULL,
    fills bigint NOT NULL,
    published_on int,
    PRIMARY KEY (policy)
);
CREATE TABLE prescription (
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
CREATE INDEX prescription_day ON prescription (first_day);

-- What insight empties and fills: the last of the three is read by the load.
CREATE TABLE member_outcome (
    member text NOT NULL,
    first_day int NOT NULL,
    prescriptions bigint NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (member)
);
CREATE TABLE plan_outcome (
    plan text NOT NULL,
    drug text NOT NULL,
    prescriptions bigint NOT NULL,
    members bigint NOT NULL,
    published bigint NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (plan, drug)
);
CREATE TABLE approval (
    prescription text NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (prescription)
);
-- One row, as long as insight runs.
CREATE TABLE insight_flag (
    up boolean PRIMARY KEY
);

-- The flag is a row that is there as long as the job runs: committed first, so that operators see it, and removed last.
CREATE PROCEDURE insight(before int, days int, limit_cents bigint) LANGUAGE plpgsql AS $$
DECLARE
    finished int[];
BEGIN
    INSERT INTO insight_flag (up) VALUES (true) ON CONFLICT (up) DO NOTHING;
    COMMIT;
    finished := ARRAY(SELECT day FROM file_load WHERE day < before ORDER BY day DESC LIMIT days);
    TRUNCATE member_outcome;
    INSERT INTO member_outcome (member, first_day, prescriptions, spent_cents)
    SELECT member, member.first_day, count(*), sum(cents)::bigint
    FROM prescription
    JOIN member USING (member)
    WHERE prescription.first_day = ANY (finished)
    GROUP BY member, member.first_day;
    TRUNCATE plan_outcome;
    INSERT INTO plan_outcome (plan, drug, prescriptions, members, published, spent_cents)
    SELECT plan, drug, count(*), count(DISTINCT member),
        count(*) FILTER (WHERE published_on < before), sum(cents)::bigint
    FROM prescription
    JOIN policy USING (policy)
    WHERE first_day = ANY (finished)
    GROUP BY plan, drug;
    COMMIT;
    TRUNCATE approval;
    INSERT INTO approval (prescription, spent_cents)
    SELECT prescription, outcome.spent_cents
    FROM prescription
    JOIN policy USING (policy)
    JOIN member_outcome AS outcome USING (member)
    WHERE prescription.first_day = ANY (finished) AND published_on < before AND outcome.spent_cents <= limit_cents;
    COMMIT;
    DELETE FROM insight_flag;
END
$$;

-- name: stage_record
-- batch: 1000 within 1 s
COPY staging (day, line, prescription, member, policy, plan, drug, cents) FROM STDIN;

-- name: check_records
DELETE FROM staging
WHERE day <> :day::int OR member = '' OR cents <= 0;

-- name: read_approvals
SELECT count(*) AS staged, count(approval.prescription) AS approved
FROM staging
LEFT JOIN approval USING (prescription);

-- name: apply_records
-- as: claimed
-- if none: stop
INSERT INTO file_load (day, records)
SELECT :day::int, count(*) FROM staging WHERE day = :day::int
ON CONFLICT (day) DO NOTHING
RETURNING day;

INSERT INTO member AS stored (member, first_day, fills, spent_cents)
SELECT member, day, count(*), sum(cents)::bigint
FROM staging
WHERE day = :day::int
GROUP BY member, day
ORDER BY member
ON CONFLICT (member) DO UPDATE SET
    fills = stored.fills + excluded.fills,
    spent_cents = stored.spent_cents + excluded.spent_cents;

INSERT INTO policy AS stored (policy, plan, fills)
SELECT policy, plan, count(*)
FROM staging
WHERE day = :day::int
GROUP BY policy, plan
ORDER BY policy
ON CONFLICT (policy) DO UPDATE SET fills = stored.fills + excluded.fills;

INSERT INTO prescription AS stored (prescription, member, policy, drug, first_day, cents, fills, last_day)
SELECT prescription, member, policy, drug, day, sum(cents)::bigint, count(*), day
FROM staging
WHERE day = :day::int
GROUP BY prescription, member, policy, drug, day
ORDER BY prescription
ON CONFLICT (prescription) DO UPDATE SET
    fills = stored.fills + excluded.fills,
    last_day = greatest(stored.last_day, excluded.last_day);

-- name: clear_staging
-- as: staged
-- if none: stop
SELECT day FROM staging LIMIT 1;
TRUNCATE staging;

-- name: publish_policy
-- retry: P0002
-- as: allowed
SELECT true AS allowed WHERE NOT EXISTS (SELECT FROM insight_flag);
UPDATE policy SET published_on = least(published_on, :day::int)
WHERE policy = :policy::text;

-- name: load_members
COPY member (member, first_day, fills, spent_cents) FROM STDIN;

-- name: load_policies
COPY policy (policy, plan, fills, published_on) FROM STDIN;

-- name: load_prescriptions
COPY prescription (prescription, member, policy, drug, first_day, cents, fills, last_day) FROM STDIN;

-- name: load_days
COPY file_load (day, records) FROM STDIN;

-- name: state_staging
SELECT :'set' AS set_id, day, line, prescription, member, policy, plan, drug, cents
FROM staging
ORDER BY day, line;

-- name: state_days
SELECT :'set' AS set_id, day, records FROM file_load ORDER BY day;

-- name: state_members
SELECT :'set' AS set_id, member, first_day, fills, spent_cents
FROM member
ORDER BY member COLLATE "C";

-- name: state_policies
SELECT :'set' AS set_id, policy, plan, fills, published_on
FROM policy
ORDER BY policy COLLATE "C";

-- name: state_prescriptions
SELECT :'set' AS set_id, prescription, member, policy, drug, first_day, cents, fills, last_day
FROM prescription
ORDER BY prescription COLLATE "C";

-- name: state_members_outcome
SELECT :'set' AS set_id, member, first_day, prescriptions, spent_cents
FROM member_outcome
ORDER BY member COLLATE "C";

-- name: state_plans_outcome
SELECT :'set' AS set_id, plan, drug, prescriptions, members, published, spent_cents
FROM plan_outcome
ORDER BY plan COLLATE "C", drug COLLATE "C";

-- name: state_approvals
SELECT :'set' AS set_id, prescription, spent_cents
FROM approval
ORDER BY prescription COLLATE "C";

-- name: members_differ_from_prescriptions
SELECT :'set' AS set_id, member, member.fills, filled.fills AS filled
FROM member
FULL JOIN (
    SELECT member, sum(fills)::bigint AS fills FROM prescription GROUP BY member
) AS filled USING (member)
WHERE member.fills IS DISTINCT FROM coalesce(filled.fills, 0);

-- name: run_insight
CALL insight(:before::int, :days::int, :limit_cents::bigint);

-- name: flag_left_up
SELECT :'set' AS set_id FROM insight_flag;
