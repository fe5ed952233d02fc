-- candidate: fillfactor_70
-- extends: baseline
-- summary: media_storage with fillfactor 70, room on each page for the next version of a row
-- expects: a few more HOT updates after a change of the date; no difference once pages hold dead versions to reuse

ALTER TABLE media_storage SET (fillfactor = 70);
