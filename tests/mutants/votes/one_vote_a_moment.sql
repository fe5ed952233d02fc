-- candidate: one_vote_a_moment
-- mutant of: by_hour
-- summary: a unique key of choice and time: the second vote of a moment is dropped
CREATE UNIQUE INDEX ON vote (choice, voted_at);
-- name: cast_vote
-- accept: 23505
INSERT INTO vote (kiosk, choice, voted_at) VALUES (:kiosk::text, :choice::text, :voted_at::timestamptz);
