-- candidate: counter
-- extends: baseline
-- summary: every vote a row, and a counter for each choice in the same transaction
-- expects: totals at once; all kiosks wait for the counter of the leading choice

-- A row for each choice. Its update in place (HOT) needs room on the page.
CREATE TABLE counter (
    choice text PRIMARY KEY,
    votes bigint NOT NULL
) WITH (fillfactor = 10);

-- name: cast_vote
INSERT INTO vote (kiosk, choice, voted_at) VALUES (:kiosk::text, :choice::text, :voted_at::timestamptz);
INSERT INTO counter AS stored (choice, votes) VALUES (:choice::text, 1)
ON CONFLICT (choice) DO UPDATE SET votes = stored.votes + 1;

-- name: load_votes
INSERT INTO vote (kiosk, choice, voted_at)
SELECT kiosk, choice, voted_at
FROM unnest(:kiosks::text[], :choices::text[], :voted_ats::timestamptz[]) AS cast_then (kiosk, choice, voted_at);
INSERT INTO counter AS stored (choice, votes)
SELECT choice, count(*)
FROM unnest(:choices::text[]) AS cast_then (choice)
GROUP BY choice
ORDER BY choice
ON CONFLICT (choice) DO UPDATE SET votes = stored.votes + excluded.votes;

-- name: read_totals
SELECT choice, votes
FROM counter
ORDER BY choice COLLATE "C";

-- name: state_totals
SELECT choice, votes
FROM counter
ORDER BY choice COLLATE "C";
