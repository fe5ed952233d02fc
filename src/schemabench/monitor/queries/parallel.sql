-- Counted since version 18; their processor time is none of the sessions'.
SELECT parallel_workers_launched AS parallel_workers
FROM pg_catalog.pg_stat_database
WHERE datname = current_database()
