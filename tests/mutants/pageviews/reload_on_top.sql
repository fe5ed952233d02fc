-- candidate: reload_on_top
-- mutant of: baseline
-- summary: a forced reload adds to what was there
-- name: withdraw_hour
DELETE FROM loaded_hour WHERE date_hour = :date_hour::timestamp;
