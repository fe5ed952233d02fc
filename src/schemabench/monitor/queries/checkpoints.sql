-- Checkpoints that began; what tells of one that was under way: the blocks that it wrote, which are counted as it goes
-- on where it takes its time, and the seconds that it wrote and synced for, which are counted at its end.
SELECT
    checkpoints_timed + checkpoints_req AS checkpoints,
    buffers_checkpoint AS checkpoint_blocks,
    (checkpoint_write_time + checkpoint_sync_time) / 1000 AS checkpoint_s
FROM pg_catalog.pg_stat_bgwriter
