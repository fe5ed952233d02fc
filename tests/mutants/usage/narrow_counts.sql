-- candidate: narrow_counts
-- mutant of: baseline
-- summary: media_count in four bytes, where the largest counts do not fit
ALTER TABLE media_storage ALTER COLUMN media_count TYPE integer;
