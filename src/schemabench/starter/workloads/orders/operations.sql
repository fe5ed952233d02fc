-- What the writers execute. A candidate overrides an operation by a block of the same name in its own file.

-- name: place_order
INSERT INTO orders (order_id, customer, amount_cents)
VALUES (:order_id::bigint, :customer::text, :amount_cents::bigint)
ON CONFLICT (order_id) DO UPDATE SET amount_cents = excluded.amount_cents;

-- name: customer_total
SELECT count(*), sum(amount_cents) FROM orders WHERE customer = :customer::text;

-- name: totals
SELECT customer, count(*), sum(amount_cents) FROM orders GROUP BY customer ORDER BY customer;

-- name: negative_amounts
SELECT order_id, amount_cents FROM orders WHERE amount_cents < 0;
