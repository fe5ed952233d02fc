-- candidate: unlogged_staging
-- extends: baseline
-- summary: staging without WAL: a crash empties it, and the load is run again
-- expects: less WAL for each record, and a file that is copied sooner

-- A load that is cut off begins anew, from its file.
ALTER TABLE staging SET UNLOGGED;
