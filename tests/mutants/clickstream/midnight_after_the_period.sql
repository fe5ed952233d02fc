-- candidate: midnight_after_the_period
-- mutant of: baseline
-- summary: a period holds the first moment of the day after it
-- name: top_articles
SELECT article, count(*) AS likes
FROM event
WHERE kind = 'LIKE_ARTICLE' AND happened_at BETWEEN :first_day::date AND :last_day::date + 1
GROUP BY article
ORDER BY count(*) DESC, article COLLATE "C"
LIMIT 10;
