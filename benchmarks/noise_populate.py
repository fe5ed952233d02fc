"""Populating a ghost town, compared with a copy by psql of the same rows into the same tables, in alternating slices.

Usage: python benchmarks/noise_populate.py [--orgs 1000] [--slices 6]

Prints the rows, the seconds of each side in each slice, and as its last line a JSON object with the ratio of the
medians (schemabench's speed over psql's) and the centre and 95 % interval of the ratios of neighbouring slices, twice:

- `rows`: until the last row is there. schemabench makes its rows meanwhile; psql reads them from text files in memory,
  which were written before.
- `whole`: with VACUUM (ANALYZE) of all tables, which is part of `noise populate`.

Both fill empty tables with their keys, on a server of their own that syncs as a server does. All rows go over one
connection each.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from time import perf_counter
from typing import Any

import numpy as np

from schemabench.noise import datamodel, making, mapping, populating
from schemabench.noise.entities import ENTITIES, size
from schemabench.noise.model import Model
from schemabench.noise.town import SCHEMA_NAME, entered
from schemabench.server import Needs, serve
from schemabench.server.dsn import Conninfo
from schemabench.statistics import rank

_MEMORY = Path("/dev/shm")  # noqa: S108 (files of this process alone, in a folder of its own)
_LIMIT_S = 600
_EMPTY = f"DROP SCHEMA IF EXISTS {SCHEMA_NAME} CASCADE; CHECKPOINT"


@dataclass(frozen=True, kw_only=True)
class Both:
    """Fills the same tables by schemabench and by psql."""

    model: Model
    conninfo: Conninfo
    psql: str
    folder: Path
    """Where the rows are as text, a file for each table."""
    files: dict[str, Path] = field(default_factory=dict)

    def prepare(self) -> None:
        """Write the rows to files."""
        self.ours()
        for name in ENTITIES:
            self.files[name] = self.folder / f"{name}.tsv"
            self._by_psql(f"\\copy {SCHEMA_NAME}.{name} TO '{self.files[name]}'")

    def ours(self) -> tuple[float, float]:
        """Return the seconds until the last row is there, and until all is done."""
        last_s = 0.0

        def show(_: str, rows: int) -> None:
            nonlocal last_s
            assert rows >= 0
            last_s = perf_counter()

        with entered(self.conninfo, SCHEMA_NAME, "Populating") as town:
            town.connection.execute(_EMPTY.encode())
            started_s = perf_counter()
            populating.populate(town, self.model, mapping.NONE, show)
        return last_s - started_s, perf_counter() - started_s

    def theirs(self) -> tuple[float, float]:
        """Likewise."""
        with entered(self.conninfo, SCHEMA_NAME, "Making tables") as town:
            town.connection.execute(_EMPTY.encode())
            town.make(self.model, mapping="")
        started_s = perf_counter()
        self._by_psql(*(f"\\copy {SCHEMA_NAME}.{name} FROM '{path}'" for name, path in self.files.items()))
        last_s = perf_counter()
        self._by_psql(*(f"VACUUM (ANALYZE) {SCHEMA_NAME}.{name}" for name in ENTITIES))
        return last_s - started_s, perf_counter() - started_s

    def _by_psql(self, *commands: str) -> None:
        words = [word for command in commands for word in ("-c", command)]
        command = [self.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo, *words]
        subprocess.run(command, check=True, env=os.environ, timeout=_LIMIT_S)  # noqa: S603 (a program of the machine's)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orgs", type=int, default=1000)
    parser.add_argument("--slices", type=int, default=6)
    chosen = parser.parse_args()
    psql = which("psql") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))), None)
    if psql is None:
        print("psql is not installed", file=sys.stderr)
        return 2
    model = making.make(datamodel.load(None), seed=making.SEED, organisations=chosen.orgs)
    memory = _MEMORY if _MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        serve("embedded", Needs(clients=4), settings={}, run_id="noise_populate") as server,
    ):
        database = server.create("town")
        conninfo = Conninfo(server.conninfo_for(database.name))
        both = Both(model=model, conninfo=conninfo, psql=psql, folder=Path(folder))
        both.prepare()
        print(f"{chosen.orgs:,} organisations, {size(model):,} rows", flush=True)
        found = [_slice(both, number) for number in range(chosen.slices)]
        server.drop(database)
    told = {name: _told(np.array([one[place] for one in found])) for place, name in enumerate(("rows", "whole"))}
    print(json.dumps(told))
    return 0


def _slice(both: Both, number: int) -> Sequence[tuple[float, float]]:
    """Return the seconds of schemabench and of psql: for the rows, and for the whole."""
    sides = {"schemabench": both.ours, "psql": both.theirs}
    took = {name: sides[name]() for name in (sides if number % 2 else reversed(sides))}
    print("; ".join(f"{name} {rows:.1f} s, whole {whole:.1f} s" for name, (rows, whole) in took.items()), flush=True)
    return [*zip(took["schemabench"], took["psql"], strict=True)]


def _told(took_s: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> dict[str, Any]:
    standings = rank(1 / took_s, ("schemabench", "psql"), baseline="psql", seed=1).standings
    paired = next(one.to_baseline for one in standings if one.name == "schemabench")
    ours_s, theirs_s = (float(median) for median in np.median(took_s, axis=0))
    return {
        "ratio": round(theirs_s / ours_s, 3),
        "paired": [round(v, 3) for v in (paired.low, paired.value, paired.high)],
    }


if __name__ == "__main__":
    sys.exit(main())
