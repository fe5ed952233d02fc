-- candidate: slots_16
-- extends: baseline
-- summary: every vote a row, and sixteen counters for each choice in the same transaction
-- expects: the counter's totals with a sixteenth of its waits

-- Kiosks share sixteen slots of each choice by their name, so that few of them wait for the same row.
CREATE TABLE counter (
    choice text NOT NULL,
    slot int NOT NULL,
    votes bigint NOT NULL,
    PRIMARY KEY (choice, slot)
) WITH (fillfactor = 25);

-- name: cast_vote
INSERT INTO vote (kiosk, choice, voted_at) VALUES (:kiosk::text, :choice::text, :voted_at::timestamptz);
INSERT INTO counter AS stored (choice, slot, votes) VALUES (:choice::text, hashtext(:kiosk::text) & 15, 1)
ON CONFLICT (choice, slot) DO UPDATE SET votes = stored.votes + 1;

-- name: load_votes
INSERT INTO vote (kiosk, choice, voted_at)
SELECT kiosk, choice, voted_at
FROM unnest(:kiosks::text[], :choices::text[], :voted_ats::timestamptz[]) AS cast_then (kiosk, choice, voted_at);
INSERT INTO counter AS stored (choice, slot, votes)
SELECT choice, hashtext(kiosk) & 15 AS slot, count(*)
FROM unnest(:kiosks::text[], :choices::text[]) AS cast_then (kiosk, choice)
GROUP BY choice, slot
ORDER BY choice, slot
ON CONFLICT (choice, slot) DO UPDATE SET votes = stored.votes + excluded.votes;

-- name: read_totals
SELECT choice, sum(votes)::bigint AS votes
FROM counter
GROUP BY choice
ORDER BY choice COLLATE "C";

-- name: state_totals
SELECT choice, sum(votes)::bigint AS votes
FROM counter
GROUP BY choice
ORDER BY choice COLLATE "C";
