-- candidate: published_again
-- mutant of: flag_advisory
-- summary: a policy that is published again forgets when it was published first
-- name: publish_policy
SELECT pg_advisory_xact_lock_shared(hashtext(:'set'));
UPDATE policy SET published_on = :day::int WHERE set_id = :'set' AND policy = :policy::text;
