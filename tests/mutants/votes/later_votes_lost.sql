-- candidate: later_votes_lost
-- mutant of: buckets_by_trigger
-- summary: the trigger counts the first votes of a bucket: updates are lost, while the votes themselves are kept
CREATE OR REPLACE FUNCTION count_votes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bucket (choice, bucket, votes)
    SELECT choice, date_bin('10 minutes', voted_at, '2000-01-01 00:00:00+00') AS bucket, count(*)
    FROM added
    GROUP BY choice, bucket
    ON CONFLICT (choice, bucket) DO NOTHING;
    RETURN NULL;
END
$$;
