-- candidate: baseline
-- summary: both sets in the same tables, told apart by a column and emptied by DELETE; the flag is a plain row,
--   which an operator who looked before it came does not see
-- expects: no lock between the sets; dead rows of each that the other scans, and operators that try again

CREATE TABLE staging (
    set_id text NOT NULL,
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
    set_id text NOT NULL,
    day int NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (set_id, day)
);
CREATE TABLE member (
    set_id text NOT NULL,
    member text NOT NULL,
    first_day int NOT NULL,
    fills bigint NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (set_id, member)
);
CREATE TABLE policy (
    set_id text NOT NULL,
    policy text NOT NULL,
    plan text NOT NULL,
    fills bigint NOT NULL,
    published_on int,
    PRIMARY KEY (set_id, policy)
);
CREATE TABLE prescription (
    set_id text NOT NULL,
    prescription text NOT NULL,
    member text NOT NULL,
    policy text NOT NULL,
    drug text NOT NULL,
    first_day int NOT NULL,
    cents bigint NOT NULL,
    fills bigint NOT NULL,
    last_day int NOT NULL,
    PRIMARY KEY (set_id, prescription)
);
CREATE INDEX prescription_day ON prescription (set_id, first_day);

-- What insight empties and fills: the last of the three is read by the load.
CREATE TABLE member_outcome (
    set_id text NOT NULL,
    member text NOT NULL,
    first_day int NOT NULL,
    prescriptions bigint NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (set_id, member)
);
CREATE TABLE plan_outcome (
    set_id text NOT NULL,
    plan text NOT NULL,
    drug text NOT NULL,
    prescriptions bigint NOT NULL,
    members bigint NOT NULL,
    published bigint NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (set_id, plan, drug)
);
CREATE TABLE approval (
    set_id text NOT NULL,
    prescription text NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (set_id, prescription)
);
CREATE TABLE insight_flag (
    set_id text PRIMARY KEY
);

-- The flag is a row that is there as long as the job runs: committed first, so that operators see it, and removed last.
CREATE PROCEDURE insight(own text, before int, days int, limit_cents bigint) LANGUAGE plpgsql AS $$
DECLARE
    finished int[];
BEGIN
    INSERT INTO insight_flag (set_id) VALUES (own) ON CONFLICT (set_id) DO NOTHING;
    COMMIT;
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
    COMMIT;
    DELETE FROM approval WHERE set_id = own;
    INSERT INTO approval (set_id, prescription, spent_cents)
    SELECT set_id, prescription, outcome.spent_cents
    FROM prescription
    JOIN policy USING (set_id, policy)
    JOIN member_outcome AS outcome USING (set_id, member)
    WHERE set_id = own AND prescription.first_day = ANY (finished) AND published_on < before AND outcome.spent_cents <= limit_cents;
    COMMIT;
    DELETE FROM insight_flag WHERE set_id = own;
END
$$;
