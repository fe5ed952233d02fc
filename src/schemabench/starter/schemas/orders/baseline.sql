-- candidate: baseline
-- summary: one table of orders, with the index that its readers ask for
CREATE TABLE orders (
    order_id bigint PRIMARY KEY,
    customer text NOT NULL,
    amount_cents bigint NOT NULL
);
CREATE INDEX orders_by_customer ON orders (customer);
