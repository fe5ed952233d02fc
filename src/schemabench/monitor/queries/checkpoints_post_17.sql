-- As checkpoints.sql.
SELECT
    num_timed + num_requested AS checkpoints,
    buffers_written AS checkpoint_blocks,
    (write_time + sync_time) / 1000 AS checkpoint_s
FROM pg_catalog.pg_stat_checkpointer
