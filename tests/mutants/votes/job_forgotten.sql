-- candidate: job_forgotten
-- mutant of: view_refreshed
-- summary: the job does nothing: answers grow older than a minute
-- name: refresh_results
SELECT 1;
