-- candidate: last_day_stands
-- mutant of: schema_per_set
-- summary: a day's totals replace those of the member and the policy: what earlier loads have added is lost
-- name: apply_records
-- as: claimed
-- if none: stop
INSERT INTO :"set".file_load (day, records)
SELECT :day::int, count(*) FROM :"set".staging WHERE day = :day::int
ON CONFLICT (day) DO NOTHING
RETURNING day;
INSERT INTO :"set".member (member, first_day, fills, spent_cents)
SELECT member, day, count(*), sum(cents)::bigint FROM :"set".staging WHERE day = :day::int GROUP BY member, day
ON CONFLICT (member) DO UPDATE SET fills = excluded.fills, spent_cents = excluded.spent_cents;
INSERT INTO :"set".policy (policy, plan, fills)
SELECT policy, plan, count(*) FROM :"set".staging WHERE day = :day::int GROUP BY policy, plan
ON CONFLICT (policy) DO UPDATE SET fills = excluded.fills;
INSERT INTO :"set".prescription AS stored (prescription, member, policy, drug, first_day, cents, fills, last_day)
SELECT prescription, member, policy, drug, day, sum(cents)::bigint, count(*), day
FROM :"set".staging
WHERE day = :day::int
GROUP BY prescription, member, policy, drug, day
ON CONFLICT (prescription) DO UPDATE SET
    fills = stored.fills + excluded.fills,
    last_day = greatest(stored.last_day, excluded.last_day);
