-- candidate: unlogged_batches
-- extends: baseline
-- summary: batch tables as an unlogged landing zone
-- expects: less WAL for inserts and compaction; little more, for each commit still waits for the WAL of its refresh
--
-- All batch rows are lost in a crash, and do not exist on a standby: fit only where the aggregations can send the
-- batches of their last runs again.

ALTER TABLE cdn_batch SET UNLOGGED;
ALTER TABLE ping_batch SET UNLOGGED;
