-- What `schemabench noise fit` counts in a ghost town. For tables of your own, write these blocks with your names: each
-- query returns one whole number for each tenant, user, pipeline, job or run, and blocks may be left out.

-- name: users_count
SELECT count(*) FROM :"ghost".users GROUP BY organisation;

-- name: users_audits
SELECT count(audits.id) FROM :"ghost".users LEFT JOIN :"ghost".audits ON audits.author = users.id GROUP BY users.id;

-- name: engines_count
SELECT count(*) FROM :"ghost".engines GROUP BY organisation;

-- name: pipelines_count
SELECT count(*) FROM :"ghost".pipelines GROUP BY organisation;

-- name: pipelines_stages
SELECT stages FROM :"ghost".pipelines;

-- name: pipelines_definition_bytes
SELECT length(definition) FROM :"ghost".pipelines;

-- name: labels_count
SELECT count(*) FROM :"ghost".labels GROUP BY organisation;

-- name: labels_per_job
SELECT count(label) FROM :"ghost".jobs LEFT JOIN :"ghost".job_labels ON job = id GROUP BY id;

-- name: jobs_count
SELECT count(*) FROM :"ghost".jobs GROUP BY organisation;

-- name: jobs_every_s
-- From the times at which runs started.
SELECT extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY since))
FROM (SELECT job, started_at - lag(started_at) OVER (PARTITION BY job ORDER BY started_at) AS since
      FROM :"ghost".runs) AS gaps
WHERE since > interval '0' GROUP BY job;

-- name: jobs_writes
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY records) FROM :"ghost".runs WHERE records > 0 GROUP BY job;

-- name: jobs_history
SELECT count(run) FROM :"ghost".jobs LEFT JOIN :"ghost".runs ON job = id GROUP BY id;
