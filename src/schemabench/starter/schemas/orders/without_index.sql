-- candidate: without_index
-- extends: baseline
-- summary: no secondary index: cheaper to write, dearer to read
-- expects: placing an order gets faster, reading a customer's total gets slower
DROP INDEX orders_by_customer;
