-- candidate: list_partitions
-- summary: what is emptied is partitioned by set, and emptied by TRUNCATE of the set's partition
-- expects: no dead rows of staging and outcomes; a set's load waits while its own approvals are rewritten, and never for
--   the other set

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
) PARTITION BY LIST (set_id);

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
) PARTITION BY LIST (set_id);
CREATE TABLE plan_outcome (
    set_id text NOT NULL,
    plan text NOT NULL,
    drug text NOT NULL,
    prescriptions bigint NOT NULL,
    members bigint NOT NULL,
    published bigint NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (set_id, plan, drug)
) PARTITION BY LIST (set_id);
CREATE TABLE approval (
    set_id text NOT NULL,
    prescription text NOT NULL,
    spent_cents bigint NOT NULL,
    PRIMARY KEY (set_id, prescription)
) PARTITION BY LIST (set_id);
CREATE TABLE insight_flag (
    set_id text PRIMARY KEY
);

-- A schema for each set holds its partitions.
-- for each part
CREATE SCHEMA :"set";
CREATE TABLE :"set".staging PARTITION OF staging FOR VALUES IN (:'set');
CREATE TABLE :"set".member_outcome PARTITION OF member_outcome FOR VALUES IN (:'set');
CREATE TABLE :"set".plan_outcome PARTITION OF plan_outcome FOR VALUES IN (:'set');
CREATE TABLE :"set".approval PARTITION OF approval FOR VALUES IN (:'set');
-- end

-- The flag is a row that is there as long as the job runs: committed first, so that operators see it, and removed last.
CREATE PROCEDURE insight(own text, before int, days int, limit_cents bigint) LANGUAGE plpgsql AS $$
DECLARE
    finished int[];
BEGIN
    INSERT INTO insight_flag (set_id) VALUES (own) ON CONFLICT (set_id) DO NOTHING;
    COMMIT;
    finished := ARRAY(SELECT day FROM file_load WHERE set_id = own AND day < before ORDER BY day DESC LIMIT days);
    EXECUTE format('TRUNCATE %1$I.member_outcome, %1$I.plan_outcome', own);
    EXECUTE format(
        $sql$
        INSERT INTO %1$I.member_outcome (set_id, member, first_day, prescriptions, spent_cents)
        SELECT set_id, member, member.first_day, count(*), sum(cents)::bigint
        FROM prescription
        JOIN member USING (set_id, member)
        WHERE set_id = $1 AND prescription.first_day = ANY ($2)
        GROUP BY set_id, member, member.first_day
        $sql$, own
    ) USING own, finished, before, limit_cents;
    EXECUTE format(
        $sql$
        INSERT INTO %1$I.plan_outcome (set_id, plan, drug, prescriptions, members, published, spent_cents)
        SELECT set_id, plan, drug, count(*), count(DISTINCT member),
            count(*) FILTER (WHERE published_on < $3), sum(cents)::bigint
        FROM prescription
        JOIN policy USING (set_id, policy)
        WHERE set_id = $1 AND first_day = ANY ($2)
        GROUP BY set_id, plan, drug
        $sql$, own
    ) USING own, finished, before, limit_cents;
    COMMIT;
    EXECUTE format('TRUNCATE %1$I.approval', own);
    EXECUTE format(
        $sql$
        INSERT INTO %1$I.approval (set_id, prescription, spent_cents)
        SELECT set_id, prescription, outcome.spent_cents
        FROM prescription
        JOIN policy USING (set_id, policy)
        JOIN %1$I.member_outcome AS outcome USING (set_id, member)
        WHERE set_id = $1 AND prescription.first_day = ANY ($2) AND published_on < $3 AND outcome.spent_cents <= $4
        $sql$, own
    ) USING own, finished, before, limit_cents;
    COMMIT;
    DELETE FROM insight_flag WHERE set_id = own;
END
$$;

-- name: clear_staging
-- as: staged
-- if none: stop
SELECT day FROM :"set".staging LIMIT 1;
TRUNCATE :"set".staging;
