-- candidate: last_day_stands
-- mutant of: staging_truncated
-- summary: a day's totals replace those of the member and the policy: what earlier loads have added is lost
-- name: apply_records
-- as: claimed
-- if none: stop
INSERT INTO file_load (set_id, day, records)
SELECT :'set', :day::int, count(*) FROM staging WHERE set_id = :'set' AND day = :day::int
ON CONFLICT (set_id, day) DO NOTHING
RETURNING day;
INSERT INTO member (set_id, member, first_day, fills, spent_cents)
SELECT set_id, member, day, count(*), sum(cents)::bigint
FROM staging
WHERE set_id = :'set' AND day = :day::int
GROUP BY set_id, member, day
ON CONFLICT (set_id, member) DO UPDATE SET
    fills = excluded.fills,
    spent_cents = excluded.spent_cents;
INSERT INTO policy (set_id, policy, plan, fills)
SELECT set_id, policy, plan, count(*)
FROM staging
WHERE set_id = :'set' AND day = :day::int
GROUP BY set_id, policy, plan
ON CONFLICT (set_id, policy) DO UPDATE SET fills = excluded.fills;
INSERT INTO prescription AS stored (set_id, prescription, member, policy, drug, first_day, cents, fills, last_day)
SELECT set_id, prescription, member, policy, drug, day, sum(cents)::bigint, count(*), day
FROM staging
WHERE set_id = :'set' AND day = :day::int
GROUP BY set_id, prescription, member, policy, drug, day
ON CONFLICT (set_id, prescription) DO UPDATE SET
    fills = stored.fills + excluded.fills,
    last_day = greatest(stored.last_day, excluded.last_day);
