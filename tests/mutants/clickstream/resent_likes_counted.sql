-- candidate: resent_likes_counted
-- mutant of: like_counts
-- summary: a like that is sent again is counted twice
-- name: like_article
INSERT INTO event (happened_at, user_id, kind, article)
VALUES (:happened_at::timestamp, :user_id::text, 'LIKE_ARTICLE', :article::text)
ON CONFLICT DO NOTHING;
INSERT INTO daily_likes AS counted (day, article, likes)
VALUES (:happened_at::timestamp::date, :article::text, 1)
ON CONFLICT (day, article) DO UPDATE SET likes = counted.likes + 1;
