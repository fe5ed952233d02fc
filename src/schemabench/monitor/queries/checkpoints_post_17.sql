SELECT num_timed + num_requested AS checkpoints
FROM pg_catalog.pg_stat_checkpointer
