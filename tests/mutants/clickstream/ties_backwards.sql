-- candidate: ties_backwards
-- mutant of: jsonb_payload
-- summary: of equal likes the last article comes first
-- name: top_articles
SELECT payload ->> 'article' AS article, count(*) AS likes
FROM event
WHERE payload ->> 'kind' = 'LIKE_ARTICLE' AND happened_at >= :first_day::date AND happened_at < :last_day::date + 1
GROUP BY payload ->> 'article'
ORDER BY count(*) DESC, (payload ->> 'article') COLLATE "C" DESC
LIMIT 10;
