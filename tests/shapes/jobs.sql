-- A queue of jobs: claims that skip locked rows, heartbeats, attempts, retries, dead letters, notifications.
CREATE TYPE job_state AS ENUM ('scheduled', 'available', 'running', 'retrying', 'completed', 'cancelled', 'discarded');
CREATE TYPE outcome AS ENUM ('succeeded', 'failed', 'lost');
CREATE TABLE queue (
    name text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 60), paused_at timestamptz,
    most_at_once smallint NOT NULL DEFAULT 10, settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE worker (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), host text NOT NULL, address inet NOT NULL, pid integer NOT NULL,
    queues text[] NOT NULL DEFAULT '{}', started_at timestamptz NOT NULL DEFAULT now(),
    beat_at timestamptz NOT NULL DEFAULT now(), stopped_at timestamptz, version text);
CREATE INDEX worker_alive ON worker (beat_at) WHERE stopped_at IS NULL;
CREATE TABLE job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, queue text NOT NULL REFERENCES queue ON UPDATE CASCADE,
    kind text NOT NULL, state job_state NOT NULL DEFAULT 'available', priority smallint NOT NULL DEFAULT 2
    CHECK (priority BETWEEN 1 AND 4), arguments jsonb NOT NULL, tags varchar(40)[] NOT NULL DEFAULT '{}',
    attempt smallint NOT NULL DEFAULT 0, most_attempts smallint NOT NULL DEFAULT 5 CHECK (most_attempts > 0),
    run_at timestamptz NOT NULL DEFAULT now(), created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(), started_at timestamptz, finished_at timestamptz,
    worker_id uuid REFERENCES worker ON DELETE SET NULL, unique_key bytea, last_error text,
    took interval GENERATED ALWAYS AS (finished_at - started_at) STORED,
    CHECK (attempt <= most_attempts));
CREATE INDEX job_next ON job (queue, priority, run_at, id) WHERE state = 'available';
CREATE INDEX job_due ON job (run_at) WHERE state IN ('scheduled', 'retrying');
CREATE INDEX job_by_worker ON job (worker_id) WHERE state = 'running';
CREATE UNIQUE INDEX job_once ON job (kind, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX job_arguments ON job USING gin (arguments jsonb_path_ops);
CREATE INDEX job_tags ON job USING gin (tags);
CREATE TABLE attempt (
    job_id bigint NOT NULL REFERENCES job ON DELETE CASCADE, number smallint NOT NULL, worker_id uuid,
    started_at timestamptz NOT NULL DEFAULT now(), ended_at timestamptz, outcome outcome, error text, trace text[],
    PRIMARY KEY (job_id, number));
CREATE TABLE dead_job (
    id bigint PRIMARY KEY, queue text NOT NULL, kind text NOT NULL, arguments jsonb NOT NULL, error text,
    died_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE periodic (
    name text PRIMARY KEY, queue text NOT NULL REFERENCES queue, pattern text NOT NULL, arguments jsonb,
    next_at timestamptz NOT NULL, last_job_id bigint REFERENCES job ON DELETE SET NULL,
    enabled boolean NOT NULL DEFAULT true, version integer NOT NULL DEFAULT 1);
CREATE TABLE job_count (
    queue text NOT NULL REFERENCES queue, hour timestamptz NOT NULL, completed bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0, PRIMARY KEY (queue, hour));

CREATE FUNCTION job_arrived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('job_' || NEW.queue, NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER job_arrived AFTER INSERT ON job FOR EACH ROW WHEN (NEW.state = 'available')
    EXECUTE FUNCTION job_arrived();
CREATE FUNCTION job_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER job_changed BEFORE UPDATE ON job FOR EACH ROW EXECUTE FUNCTION job_changed();
