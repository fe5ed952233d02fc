-- candidate: without_index
-- summary: no secondary index: cheaper to write, dearer to read
-- expects: placing an order gets faster, reading a customer's total gets slower
CREATE TABLE orders (
    order_id bigint PRIMARY KEY,
    customer text NOT NULL,
    amount_cents bigint NOT NULL
);
