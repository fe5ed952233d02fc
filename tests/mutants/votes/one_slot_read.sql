-- candidate: one_slot_read
-- mutant of: slots_16
-- summary: totals of the first slot only
-- name: read_totals
SELECT choice, votes
FROM counter
WHERE slot = 0
ORDER BY choice COLLATE "C";
