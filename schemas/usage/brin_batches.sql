-- candidate: brin_batches
-- extends: baseline
-- summary: batch tables without a key, with a BRIN index on the batch instead
-- expects: cheaper inserts; compaction reads as much as before, for the rows of a batch lie together; a batch sent
--   twice is counted twice

-- Few pages a range: these tables are small. Pages beyond the last summary are always read.
ALTER TABLE cdn_batch DROP CONSTRAINT cdn_batch_pkey;
CREATE INDEX cdn_batch_brin ON cdn_batch USING brin (batch_id) WITH (pages_per_range = 4, autosummarize = on);
ALTER TABLE ping_batch DROP CONSTRAINT ping_batch_pkey;
CREATE INDEX ping_batch_brin ON ping_batch USING brin (batch_id) WITH (pages_per_range = 4, autosummarize = on);
