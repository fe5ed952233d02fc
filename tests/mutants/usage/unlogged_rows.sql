-- candidate: unlogged_rows
-- mutant of: baseline
-- summary: the rows that are kept for good are in unlogged tables, which a crash empties
ALTER TABLE media_storage SET UNLOGGED;
ALTER TABLE cdn_daily SET UNLOGGED;
