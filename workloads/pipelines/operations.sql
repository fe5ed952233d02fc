-- Pipelines: what the file load, the insight job and the operators of a client set ask of the database.
--
-- These defaults fit schemas/pipelines/baseline.sql, which keeps both sets in the same tables; a candidate overrides
-- what its own tables need. The set is a parameter of the client, :'set' as a value and :"set" as a name, and never
-- written down here.

-- The file load. It first clears what a load that was killed has left in staging; then a day's file is copied, checked,
-- applied and cleared, each in a transaction of its own. So a load that was killed is run again from the start. Two loads
-- of a set must not run at once: each would clear the other's records. The lock file of the worker sees to that.

-- name: stage_record
-- batch: 1000 within 1 s
COPY staging (set_id, day, line, prescription, member, policy, plan, drug, cents) FROM STDIN;

-- Broken lines go, and those of another day.

-- name: check_records
DELETE FROM staging
WHERE set_id = :'set' AND (day <> :day::int OR member = '' OR cents <= 0);

-- The load's own use of what insight wrote back: how many records are of prescriptions that are approved already.

-- name: read_approvals
SELECT count(*) AS staged, count(approval.prescription) AS approved
FROM staging
LEFT JOIN approval USING (set_id, prescription)
WHERE staging.set_id = :'set';

-- A day is applied once: who comes second, at the same time or later, finds the row of the first.

-- name: apply_records
-- as: claimed
-- if none: stop
INSERT INTO file_load (set_id, day, records)
SELECT :'set', :day::int, count(*) FROM staging WHERE set_id = :'set' AND day = :day::int
ON CONFLICT (set_id, day) DO NOTHING
RETURNING day;

INSERT INTO member AS stored (set_id, member, first_day, fills, spent_cents)
SELECT set_id, member, day, count(*), sum(cents)::bigint
FROM staging
WHERE set_id = :'set' AND day = :day::int
GROUP BY set_id, member, day
ORDER BY member
ON CONFLICT (set_id, member) DO UPDATE SET
    fills = stored.fills + excluded.fills,
    spent_cents = stored.spent_cents + excluded.spent_cents;

INSERT INTO policy AS stored (set_id, policy, plan, fills)
SELECT set_id, policy, plan, count(*)
FROM staging
WHERE set_id = :'set' AND day = :day::int
GROUP BY set_id, policy, plan
ORDER BY policy
ON CONFLICT (set_id, policy) DO UPDATE SET fills = stored.fills + excluded.fills;

INSERT INTO prescription AS stored (set_id, prescription, member, policy, drug, first_day, cents, fills, last_day)
SELECT set_id, prescription, member, policy, drug, day, sum(cents)::bigint, count(*), day
FROM staging
WHERE set_id = :'set' AND day = :day::int
GROUP BY set_id, prescription, member, policy, drug, day
ORDER BY prescription
ON CONFLICT (set_id, prescription) DO UPDATE SET
    fills = stored.fills + excluded.fills,
    last_day = greatest(stored.last_day, excluded.last_day);

-- The first step and the last.

-- name: clear_staging
DELETE FROM staging WHERE set_id = :'set';

-- The insight job, a procedure of the schema. What it computes is of the last finished days before the given one: what a
-- load does meanwhile has no part in it. Of members, policies and prescriptions it reads only what no load changes.

-- name: run_insight
CALL insight(:'set', :before::int, :days::int, :limit_cents::bigint);

-- Operators. While the flag is up they try again. Who has looked before it went up publishes beside insight: a row is no
-- lock, and production's flag is a row.

-- name: publish_policy
-- retry: P0002
-- as: allowed
SELECT true AS allowed WHERE NOT EXISTS (SELECT FROM insight_flag WHERE set_id = :'set');
UPDATE policy SET published_on = least(published_on, :day::int)
WHERE set_id = :'set' AND policy = :policy::text;

-- What is there before anything is measured.

-- name: load_members
COPY member (set_id, member, first_day, fills, spent_cents) FROM STDIN;

-- name: load_policies
COPY policy (set_id, policy, plan, fills, published_on) FROM STDIN;

-- name: load_prescriptions
COPY prescription (set_id, prescription, member, policy, drug, first_day, cents, fills, last_day) FROM STDIN;

-- name: load_days
COPY file_load (set_id, day, records) FROM STDIN;

-- What every candidate must agree on.

-- name: state_staging
SELECT set_id, day, line, prescription, member, policy, plan, drug, cents
FROM staging
ORDER BY set_id COLLATE "C", day, line;

-- name: state_days
SELECT set_id, day, records FROM file_load ORDER BY set_id COLLATE "C", day;

-- name: state_members
SELECT set_id, member, first_day, fills, spent_cents
FROM member
ORDER BY set_id COLLATE "C", member COLLATE "C";

-- name: state_policies
SELECT set_id, policy, plan, fills, published_on
FROM policy
ORDER BY set_id COLLATE "C", policy COLLATE "C";

-- name: state_prescriptions
SELECT set_id, prescription, member, policy, drug, first_day, cents, fills, last_day
FROM prescription
ORDER BY set_id COLLATE "C", prescription COLLATE "C";

-- name: state_members_outcome
SELECT set_id, member, first_day, prescriptions, spent_cents
FROM member_outcome
ORDER BY set_id COLLATE "C", member COLLATE "C";

-- name: state_plans_outcome
SELECT set_id, plan, drug, prescriptions, members, published, spent_cents
FROM plan_outcome
ORDER BY set_id COLLATE "C", plan COLLATE "C", drug COLLATE "C";

-- name: state_approvals
SELECT set_id, prescription, spent_cents
FROM approval
ORDER BY set_id COLLATE "C", prescription COLLATE "C";

-- What must hold once the writers are done: each query returns the rows that break its rule.

-- name: flag_left_up
SELECT set_id FROM insight_flag;

-- name: members_differ_from_prescriptions
SELECT set_id, member, member.fills, filled.fills AS filled
FROM member
FULL JOIN (
    SELECT set_id, member, sum(fills)::bigint AS fills FROM prescription GROUP BY set_id, member
) AS filled USING (set_id, member)
WHERE member.fills IS DISTINCT FROM coalesce(filled.fills, 0);
