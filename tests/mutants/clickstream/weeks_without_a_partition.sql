-- candidate: weeks_without_a_partition
-- mutant of: weekly
-- summary: no partition takes what falls into no week that was made
DROP TABLE event_other;
