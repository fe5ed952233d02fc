-- candidate: copy_and_cache
-- extends: cache_by_job
-- summary: COPY of 100 votes behind a queue, without an index; the job fills a cache table
-- expects: the cheapest writes and reads together: the queue and the cache of the request

-- name: cast_vote
-- batch: 100 within 1 s
COPY vote (kiosk, choice, voted_at) FROM STDIN;
