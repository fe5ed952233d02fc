-- The tables of a ghost town: tenants, and what belongs to them.

CREATE TABLE organisations (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    size integer NOT NULL
);

CREATE TABLE users (
    id bigint PRIMARY KEY,
    organisation bigint NOT NULL REFERENCES organisations,
    name text NOT NULL,
    role text NOT NULL
);

CREATE TABLE engines (
    id bigint PRIMARY KEY,
    organisation bigint NOT NULL REFERENCES organisations,
    address text NOT NULL,
    version text NOT NULL
);

CREATE TABLE pipelines (
    id bigint PRIMARY KEY,
    organisation bigint NOT NULL REFERENCES organisations,
    name text NOT NULL,
    stages integer NOT NULL,
    definition text NOT NULL
);

CREATE TABLE labels (
    id bigint PRIMARY KEY,
    organisation bigint NOT NULL REFERENCES organisations,
    name text NOT NULL
);

CREATE TABLE jobs (
    id bigint PRIMARY KEY,
    organisation bigint NOT NULL REFERENCES organisations,
    pipeline bigint NOT NULL REFERENCES pipelines,
    engine bigint NOT NULL REFERENCES engines,
    owner bigint NOT NULL REFERENCES users,
    name text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    every_s integer NOT NULL,
    runs integer NOT NULL,
    last_run_at timestamptz
);

CREATE TABLE job_labels (
    job bigint NOT NULL REFERENCES jobs,
    label bigint NOT NULL REFERENCES labels,
    PRIMARY KEY (job, label)
);

-- Histories and audits, which jobs go on writing.

CREATE TABLE runs (
    job bigint NOT NULL,
    run integer NOT NULL,
    started_at timestamptz NOT NULL,
    took_ms integer NOT NULL,
    records integer NOT NULL,
    PRIMARY KEY (job, run)
);

CREATE SEQUENCE audit_ids START 1000000000000000000;

CREATE TABLE audits (
    id bigint DEFAULT nextval('audit_ids') PRIMARY KEY,
    organisation bigint NOT NULL,
    author bigint NOT NULL,
    at timestamptz NOT NULL,
    action text NOT NULL
);

-- What the last run of each job wrote.

CREATE TABLE records (
    job bigint NOT NULL,
    run integer NOT NULL,
    place integer NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (job, run, place)
);
