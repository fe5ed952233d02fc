"""A project whose answer is known by construction: its indexes help reads of many rows, and make each write dearer.

What is read does not change, so that few rows stay few: of rows that are replaced, dead ones are read as well.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import places
import pytest

from schemabench.bench import Asked, Bench
from schemabench.options import Options
from schemabench.progress import Silence
from schemabench.server import folder

OPERATIONS = """\
-- name: fill
INSERT INTO item (owner) SELECT owner FROM generate_series(1, :rows::int) AS owner;
-- name: note_some
INSERT INTO note (owner) SELECT owner FROM generate_series(1, 100) AS owner;
-- name: look
SELECT count(*) FROM item WHERE owner = :owner::int;
"""
BASELINE = """\
CREATE TABLE item (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner int);
CREATE TABLE note (owner int);
"""
INDEXED = f"{BASELINE}CREATE INDEX ON item (owner);\n" + "".join(
    f"CREATE INDEX ON note ((owner{' + 0' * more}), (md5(owner::text)));\n" for more in range(4)
)
MODULE = """\
from dataclasses import dataclass
from itertools import repeat

from schemabench import Axis, Call, Workload, Writer, log_scale


@dataclass(frozen=True, kw_only=True)
class Sizes:
    rows: int
    looks: int


def strategy():
    from hypothesis import strategies as st

    return st.builds(Sizes, rows=st.sampled_from(log_scale(10, 40_000)), looks=st.sampled_from((4, 8)))


def burst(sizes, writer, block, random):
    if writer == "stream":
        yield from repeat(Call("note_some", {}, key="one", rows=100))
    while True:
        yield Call("look", {"owner": random.randrange(sizes.rows) + 1}, rows=0)


WORKLOAD = Workload(
    name="items",
    summary="notes that are written beside items that are read",
    cardinalities={"typical": Sizes(rows=40_000, looks=8)},
    strategy=strategy,
    axes=(Axis(field="rows", low=10, high=40_000), Axis(field="looks", low=4, high=8)),
    writers=lambda sizes: (
        Writer(name="stream", kind="stream", weight=1),
        Writer(name="reader", kind="reader", weight=sizes.looks),
    ),
    burst=burst,
    background=lambda sizes, _: iter([Call("fill", {"rows": sizes.rows})]),
)
"""


@contextmanager
def bench(project: Path, budget_s: float) -> Iterator[Bench]:
    """Write the project into a folder, and return its bench, with a server of its own until the end of the block."""
    for name, text in {
        "workloads/items/__init__.py": MODULE,
        "workloads/items/operations.sql": OPERATIONS,
        "schemas/items/baseline.sql": BASELINE,
        "schemas/items/indexed.sql": INDEXED,
    }.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    asked = Asked(
        options=Options(clients=2, budget_s=budget_s, postgres_setting=(("fsync", "off"),), sample_hz=0.0),
        origins=(),
        root=project,
        folder=project,
        command="schemabench crossover items",
    )
    bench = Bench(asked, Silence())
    with places.place() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv(folder.VARIABLE, str(place))
        with closing(bench):
            yield bench
