-- candidate: room_on_pages
-- extends: baseline
-- summary: pages of the updated tables are filled by half
-- expects: more updates are HOT, and fewer wait for each other's pages
ALTER TABLE pgbench_branches SET (fillfactor = 50);
ALTER TABLE pgbench_tellers SET (fillfactor = 50);
ALTER TABLE pgbench_accounts SET (fillfactor = 50);
