"""A writer of another process, which measures by itself for how long a migration holds it up: see its test.

Connects to a database once its writers are there, and updates one row again and again. Prints the longest time that an
update took, in seconds, once one took longer than the first argument says. The second is libpq's words for a server.
"""

import sys
import time

import psycopg

WRITERS = 4
"""The sessions of a ledger's clerks and auditors: with fewer, the database is still being built."""
_LOADED = """
SELECT datname FROM pg_stat_activity WHERE datname <> current_database() GROUP BY datname HAVING count(*) >= %s
"""
_UPDATE = "UPDATE entry SET receipt = receipt WHERE entry_id = 1999"
_AFTERWARDS_S = 0.1
_PATIENCE_S = 60.0


def main() -> None:
    """Print the longest update."""
    least_s, server, deadline_s = float(sys.argv[1]), sys.argv[2], time.monotonic() + _PATIENCE_S
    with psycopg.connect(server, autocommit=True) as connection:
        while (found := connection.execute(_LOADED, [WRITERS]).fetchone()) is None:
            assert time.monotonic() < deadline_s, "no writers came"
            time.sleep(0.02)
    longest_s, end_s = 0.0, deadline_s
    with psycopg.connect(server, dbname=found[0], autocommit=True) as connection:
        while (begun_s := time.monotonic()) < end_s:
            connection.execute(_UPDATE)
            longest_s = max(longest_s, time.monotonic() - begun_s)
            if longest_s > least_s and end_s == deadline_s:
                end_s = time.monotonic() + _AFTERWARDS_S
            time.sleep(0.002)
    sys.stdout.write(f"{longest_s}\n")


if __name__ == "__main__":
    main()
