-- The rows before anything is measured: those of pgbench -i.
--
-- name: fill_branches
INSERT INTO pgbench_branches (bid, bbalance) SELECT bid, 0 FROM generate_series(1, :scale::int) AS bid;

-- name: fill_tellers
INSERT INTO pgbench_tellers (tid, bid, tbalance)
SELECT tid, (tid - 1) / 10 + 1, 0 FROM generate_series(1, 10 * :scale::int) AS tid;

-- name: fill_accounts
INSERT INTO pgbench_accounts (aid, bid, abalance, filler)
SELECT aid, (aid - 1) / 100000 + 1, 0, '' FROM generate_series(1, 100000 * :scale::int) AS aid;

-- What all candidates must agree on after the same calls.
--
-- name: branches
SELECT bid, bbalance FROM pgbench_branches ORDER BY bid;

-- name: tellers
SELECT tid, tbalance FROM pgbench_tellers ORDER BY tid;

-- name: accounts
SELECT aid, abalance FROM pgbench_accounts WHERE abalance <> 0 ORDER BY aid;

-- name: history
SELECT aid, tid, bid, delta FROM pgbench_history ORDER BY aid, tid, bid, delta;
