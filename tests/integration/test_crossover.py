"""A search that must find what is known by construction: indexes that help reads of many rows and cost each write."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from schemabench import cardinality as cardinalities
from schemabench import crossover, workload
from schemabench.bench import Bench
from schemabench.crossover import finding
from schemabench.errors import SchemabenchError, UsageError
from schemabench.options import Options
from schemabench.progress import Silence
from schemabench.records import from_builtins, to_builtins
from schemabench.server import folder

OPERATIONS = """\
-- name: fill
INSERT INTO item (owner) SELECT owner FROM generate_series(1, :rows::int) AS owner;
-- name: replace_some
DELETE FROM item WHERE key IN (SELECT key FROM item ORDER BY key DESC LIMIT 100);
INSERT INTO item (owner) SELECT -owner FROM generate_series(1, 100) AS owner;
-- name: look
SELECT count(*) FROM item WHERE owner = :owner::int;
"""
BASELINE = "CREATE TABLE item (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner int);\n"
INDEXED = BASELINE + "".join(
    f"CREATE INDEX ON item ((owner{' + 0' * more}), (md5(owner::text)));\n" for more in range(6)
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
        yield from repeat(Call("replace_some", {}, key="one", rows=200))
    while True:
        yield Call("look", {"owner": random.randrange(sizes.rows) + 1}, rows=0)


WORKLOAD = Workload(
    name="items",
    summary="rows that are replaced beside those that are read",
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


@pytest.fixture
def database() -> None:
    """Nothing: experiments make databases of their own."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return the bench of a project with one workload and two candidates, and a server of its own."""
    for name, text in {
        "workloads/items/__init__.py": MODULE,
        "workloads/items/operations.sql": OPERATIONS,
        "schemas/items/baseline.sql": BASELINE,
        "schemas/items/indexed.sql": INDEXED,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    chosen = Options(clients=2, budget_s=25.0, postgres_setting=(("fsync", "off"),), sample_hz=0.0)
    bench = Bench(
        options=chosen,
        origins=(),
        root=tmp_path,
        folder=tmp_path,
        command="schemabench crossover items",
        progress=Silence(),
    )
    with tempfile.TemporaryDirectory(prefix="schemabench-test-") as place, closing(bench):
        Path(place).chmod(0o755)  # the server's user is another
        monkeypatch.setenv(folder.VARIABLE, place)
        yield bench


def test_search_finds_the_flip_and_freezes_it(bench: Bench) -> None:
    crossover.add_search(bench, "items", resume=False)

    (found,) = bench.crossovers
    worst = found.found[0]
    assert (found.candidate, found.start.side, worst.side, found.flips) == ("indexed", "better", "worse", True)
    assert worst.values["rows"] < 4_000
    assert [(one.cardinality, one.origin) for one in bench.further] == [("typical", "pinned"), ("worst-found", "found")]
    frozen = workload.with_frozen(workload.load(bench.root / "workloads", "items"))
    assert frozen.frozen["worst-found"].digest == worst.digest == bench.further[-1].digest
    assert cardinalities.values(frozen.workload.cardinalities["worst-found"]) == worst.values
    assert not (bench.root / "workloads/items/crossover-state.json").exists()
    assert from_builtins(to_builtins(bench.record())) == bench.record()


def test_interrupted_search_freezes_nothing_and_goes_on_where_it_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "FULL_S", 1.0)
    looks: list[str] = []
    measure = crossover.Laboratory.measure

    def interrupt(self: crossover.Laboratory, name: str, *arguments: object, **options: object) -> object:
        looks.append(name)
        if len(looks) == 3:
            raise KeyboardInterrupt
        return measure(self, name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(crossover.Laboratory, "measure", interrupt)
    with pytest.raises(SchemabenchError, match=r"interrupted after .*: no worst-found was frozen") as caught:
        crossover.add_search(bench, "items", resume=False)
    assert caught.value.remedies == ("go on with it: schemabench crossover items --resume",)
    assert not (bench.root / "workloads/items/cardinalities.json").exists()

    looks[:] = ["again"] * 3
    bench.options = replace(bench.options, budget_s=8.0)
    crossover.add_search(bench, "items", resume=True)

    assert len(bench.crossovers[0].probes) == 1 + looks.count("probe")


def test_search_is_not_resumed_under_other_conditions(bench: Bench) -> None:
    state = bench.root / "workloads/items/crossover-state.json"
    state.write_text('{"fingerprint": "of another schema", "candidate": "indexed", "probes": {}}', encoding="utf-8")

    with pytest.raises(UsageError, match="its figures were measured under other conditions"):
        crossover.add_search(bench, "items", resume=True)
    state.unlink()
    with pytest.raises(UsageError, match="There is no search to resume"):
        crossover.add_search(bench, "items", resume=True)


def test_map_shows_where_the_answer_changes(bench: Bench) -> None:
    bench.options = replace(bench.options, budget_s=20.0)

    crossover.add_map(bench, "items", (2, 2))

    (drawn,) = bench.maps
    assert [(cell.first, cell.second) for cell in drawn.cells] == [(10, 4), (10, 8), (40_000, 4), (40_000, 8)]
    assert [cell.side for cell in drawn.cells[2:]] == ["better", "better"]
    assert "better" not in {cell.side for cell in drawn.cells[:2]}
    assert from_builtins(to_builtins(bench.record())).maps == (drawn,)
