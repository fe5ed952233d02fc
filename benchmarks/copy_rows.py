"""COPY by the load loop compared with psql's own: the same rows over one connection, in alternating slices.

Usage: python benchmarks/copy_rows.py [--rows 200000] [--slices 15]

Prints the rows per second of both, and as its last line a JSON object with the ratio of the medians (schemabench over
psql) and the centre and 95 % interval of the ratios of neighbouring slices. psql reads a file in memory where /dev/shm
is, and starts anew for each slice; the time of a psql that copies no row is subtracted. Both write the same bytes: the
rows of the load loop are formatted beforehand, as all values are.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from shutil import which
from time import perf_counter

import numpy as np

from schemabench.encoding import as_rows
from schemabench.load import Limits, Rows, Session, drive
from schemabench.server import serve
from schemabench.server.dsn import opened
from schemabench.statistics import rank
from schemabench.units import NANOSECONDS

_TABLE = "CREATE TABLE reading (sensor int NOT NULL, measured_at timestamptz NOT NULL, value double precision)"
_COPY = "COPY reading (sensor, measured_at, value) FROM STDIN"
_STARTS = 5
_MEMORY = Path("/dev/shm")  # noqa: S108 (a file of this process alone, in a folder of its own)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--slices", type=int, default=15)
    chosen = parser.parse_args()
    psql = which("psql") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))), None)
    if psql is None:
        print("psql is not installed", file=sys.stderr)
        return 2
    chunks = as_rows(
        [b"%d" % (number % 977), b"2026-02-16 00:00:00+00", b"%.3f" % (number / 7)] for number in range(chosen.rows)
    )
    memory = _MEMORY if _MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        serve("embedded", settings={}, clients=4, run_id="copy_rows") as server,
    ):
        path = Path(folder) / "rows.tsv"
        path.write_bytes(b"".join(chunks))
        empty = Path(folder) / "none.tsv"
        empty.touch()
        conninfo = server.conninfo_for("postgres")
        with opened(conninfo) as admin:
            admin.execute(_TABLE)
            session = Session.open(conninfo)
            start_s = statistics.median(_by_psql(psql, conninfo, empty) for _ in range(_STARTS))
            rates = []
            for number in range(chosen.slices):
                both = {}
                for who in ("ours", "theirs") if number % 2 else ("theirs", "ours"):
                    admin.execute("TRUNCATE reading")
                    took_s = _by_loop(session, chunks) if who == "ours" else _by_psql(psql, conninfo, path) - start_s
                    both[who] = chosen.rows / took_s
                (count,) = admin.execute("SELECT count(*) FROM reading").fetchone() or (0,)
                assert count == chosen.rows, f"{count} rows instead of {chosen.rows}"
                rates.append((both["ours"], both["theirs"]))
            session.close()
    return _told(np.array(rates))


def _by_loop(session: Session, chunks: list[bytes]) -> float:
    rows = Rows(b"copy", (), _COPY.encode(), chunks)
    driven = drive([(session, [(0, "copy", [rows])])], calls=1, random=Random(1), limits=Limits())  # noqa: S311 (nothing is retried)
    return driven.duration_ns / NANOSECONDS


def _by_psql(psql: str, conninfo: str, path: Path) -> float:
    started_s = perf_counter()
    command = [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-c", f"\\copy {_COPY[5:-11]} FROM '{path}'"]
    subprocess.run(command, check=True, env=os.environ, timeout=120)  # noqa: S603 (a program of the machine's)
    return perf_counter() - started_s


def _told(rates: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> int:
    standings = rank(rates, ("schemabench", "psql"), baseline="psql", seed=1).standings
    paired = next(one.to_baseline for one in standings if one.name == "schemabench")
    ours, theirs = (float(median) for median in np.median(rates, axis=0))
    print(f"schemabench {ours:,.0f} rows/s, psql {theirs:,.0f} rows/s")
    print(
        json.dumps(
            {"ratio": round(ours / theirs, 3), "paired": [round(v, 3) for v in (paired.low, paired.value, paired.high)]}
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
