"""Growth curves on a real server: steps of a ladder, databases that are grown in place, and what a report shows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import items_project
import pytest

from schemabench import growth, report
from schemabench.bench import Bench
from schemabench.errors import SchemabenchError
from schemabench.experiment import building, filling
from schemabench.experiment.template import Template
from schemabench.growth import Over, command, curve, needs
from schemabench.records import Growth
from schemabench.server import opened

OPERATIONS = """\
-- name: fill
COPY entry (id, owner) FROM STDIN;
-- name: note
INSERT INTO note (owner) VALUES (:owner::int);
-- name: balance
SELECT count(*) FROM entry WHERE owner = :owner::int;
"""
CLOSE = """\
-- name: close
INSERT INTO snapshot (rows) SELECT count(*) FROM entry;
"""
BASELINE = """\
CREATE TABLE entry (id int, owner int NOT NULL, loaded_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE note (owner int);
"""
INDEXED = f"{BASELINE}CREATE INDEX ON entry (owner);\n"
LEDGER = """\
from dataclasses import dataclass

from schemabench import Call, Rows, Workload, Writer


@dataclass(frozen=True, kw_only=True)
class Sizes:
    entries: int = 2_000
    shift: int = 0


def rows(sizes):
    return ((one, one * 7919 % 1000 + SHIFT) for one in range(sizes.entries))


def burst(sizes, writer, block, random):
    while True:
        yield Call("note", {"owner": 1})
        yield Call("balance", {"owner": random.randrange(1000)}, rows=0)


WORKLOAD = Workload(
    name="ledger",
    summary="notes that are written, and balances that are counted",
    cardinalities={"typical": Sizes()},
    writers=lambda _: [Writer(name="clerk", kind="stream", weight=2)],
    burst=burst,
    background=lambda sizes, _: iter([Rows("fill", ["id", "owner"], rows(sizes))]),
    grows="entries",
)
"""
IN_ORDER = LEDGER.replace("SHIFT", "0")
CLOSED = IN_ORDER.replace("rows(sizes))])", 'rows(sizes)), Call("close", {}, rows=0)])')
OTHERWISE = LEDGER.replace("SHIFT", "sizes.entries % 7")
"""Its rows are not those of a smaller one."""


@pytest.fixture
def database() -> None:
    """Nothing: experiments make databases of their own."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return the bench of the project, and a server of its own; the ends and the middle are measured, each shortly."""
    monkeypatch.setattr(needs.Needs, "least_s", lambda *_: 0.5)
    monkeypatch.setattr(needs.Needs, "lacking", lambda *_: "")
    monkeypatch.setattr(curve.ladder, "following", lambda *_: None)
    with items_project.bench(tmp_path, budget_s=1.0) as bench:
        write(bench, IN_ORDER)
        yield bench


def write(bench: Bench, module: str) -> None:
    """Write the workload and its candidates into the project."""
    for name, text in {
        "workloads/ledger/__init__.py": module,
        "workloads/ledger/operations.sql": OPERATIONS,
        "schemas/ledger/baseline.sql": BASELINE,
        "schemas/ledger/indexed.sql": INDEXED,
    }.items():
        (bench.asked.root / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.asked.root / name).write_text(text, encoding="utf-8")


def grown(bench: Bench, over: Over, keep: Callable[[], None] = lambda: None) -> Growth:
    """Return a growth curve of three steps."""
    growth.add_growth(bench, "ledger", over, keep)
    (found,) = bench.findings.growths
    return found


def rows_over(end: float) -> Over:
    return Over(field="entries", start=2_000, end=end, whole=True)


def test_databases_grow_by_the_rows_that_a_step_adds(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int, int]] = []
    extend = filling.extend

    def watched(template: Template, *rest: Any) -> None:  # noqa: ANN401 (as it is called)
        (before,) = _asked(template, "SELECT clock_timestamp()::text")
        extend(template, *rest)
        counts = _asked(template, "SELECT count(*), count(*) FILTER (WHERE loaded_at < %s) FROM entry", before)
        seen.append((template.candidate.name, *counts))

    monkeypatch.setattr(filling, "extend", watched)
    written: list[int] = []
    found = grown(bench, rows_over(200_000), lambda: written.append(len(bench.findings.growths[0].steps)))

    assert found.order == (2_000, 20_000, 200_000)
    assert seen == [
        ("baseline", 20_000, 2_000),
        ("indexed", 20_000, 2_000),
        ("baseline", 200_000, 20_000),
        ("indexed", 200_000, 20_000),
    ], "rows of the step before are there with the time at which they were loaded then"
    for step, rows, own in zip(found.steps, (2_000, 20_000, 200_000), (2_000, 18_000, 180_000), strict=True):
        for one in step.figures:
            assert one.loaded is not None
            assert (one.loaded.rows, one.loaded.own_rows) == (rows, own)
            assert one.calls_per_s is not None
            assert one.bytes_per_row is not None
            assert 30 < one.bytes_per_row < 120
            assert one.wal_bytes_per_call is not None
    assert [one.cardinality for one in bench.findings.experiments] == [step.cardinality for step in found.steps]
    assert written == [1, 2, 3, 3]
    _read_in_all_formats(bench, tmp_path)


def test_calls_at_the_end_are_executed_once_in_databases_that_are_grown_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A candidate may keep what a repeat would leave twice, or refuse it."""
    write(bench, CLOSED)
    schemas = bench.asked.root / "schemas" / "ledger"
    (schemas / "baseline.sql").write_text(f"{BASELINE}CREATE TABLE snapshot (rows bigint);\n", encoding="utf-8")
    (schemas / "indexed.sql").write_text(
        f"{INDEXED}CREATE TABLE snapshot (rows bigint, alone boolean NOT NULL DEFAULT true UNIQUE);\n", encoding="utf-8"
    )
    operations = bench.asked.root / "workloads" / "ledger" / "operations.sql"
    operations.write_text(f"{OPERATIONS}{CLOSE}", encoding="utf-8")
    seen: list[tuple[str, int, int]] = []
    check = building.check

    def watched(template: Template, *rest: Any) -> None:  # noqa: ANN401 (as it is called)
        check(template, *rest)
        seen.append((template.candidate.name, *_asked(template, "SELECT count(*), sum(rows)::int FROM snapshot")))

    monkeypatch.setattr(building, "check", watched)
    found = grown(bench, rows_over(200_000))

    assert seen == [(name, 1, rows) for rows in (2_000, 20_000, 200_000) for name in ("baseline", "indexed")]
    loaded = [one.loaded and one.loaded.own_rows for step in found.steps for one in step.figures]
    assert loaded == [2_000, 2_000, 18_000, 18_000, 180_000, 180_000], "none is loaded from the first row on"


def test_a_background_that_does_not_continue_a_smaller_one_is_loaded_from_its_first_row(bench: Bench) -> None:
    write(bench, OTHERWISE)
    found = grown(bench, rows_over(2_050))

    assert found.order == (2_000, 2_050)
    loaded = [one.loaded for step in found.steps for one in step.figures]
    assert [one and (one.rows, one.own_rows) for one in loaded] == [(2_000, 2_000)] * 2 + [(2_050, 2_050)] * 2
    assert "loaded from the first row on: at 2,000 and 2,050" in " ".join(report.terminal(bench.record()).split())


@pytest.mark.thorough
def test_over_clients_rows_are_loaded_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.asked = replace(bench.asked, options=replace(bench.asked.options, clients=2))
    built: list[str] = []
    build = filling.build
    monkeypatch.setattr(
        filling, "build", lambda one, *rest, **more: (built.append(one.name), build(one, *rest, **more))[1]
    )
    found = grown(bench, Over(field="clients", start=1, end=2, whole=True))

    assert found.order == (1, 2)
    assert built == ["baseline", "indexed"]
    assert [one.clients for one in bench.findings.experiments] == [1, 2]


def test_an_interrupted_curve_keeps_its_steps(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, looks = command.Laboratory.measure, [0]

    def interrupted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (as it is called)
        looks[0] += 1
        if looks[0] == 2:
            raise KeyboardInterrupt
        return measure(*arguments, **options)

    monkeypatch.setattr(command.Laboratory, "measure", interrupted)
    with pytest.raises(SchemabenchError, match=r"The growth curve was interrupted after .*; steps measured: 1"):
        growth.add_growth(bench, "ledger", rows_over(200_000), lambda: None)

    (found,) = bench.record().growths
    assert [step.value for step in found.steps] == [2_000]
    assert found.ended == "it was interrupted"


def _asked(template: Template, query: str, *values: object) -> Sequence[Any]:
    (database,) = template.databases
    with closing(opened(template.server.conninfo_for(database.name))) as connection:
        row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row


def _read_in_all_formats(bench: Bench, folder: Path) -> None:
    run = bench.record()
    shown = report.terminal(run)
    assert "ledger over entries" in shown
    assert "2 steps grown from the databases of a smaller one, by 198,000 of their 220,000 rows" in " ".join(
        shown.split()
    )
    assert max(map(len, shown.splitlines())) <= 80
    for name in ("run.html", "run.md", "run.csv"):
        report.write(run, folder / name)
        assert (folder / name).stat().st_size > 1_000
    report.write_json({}, run, folder / "run.json")
    assert report.read(folder / "run.json").growths == run.growths
    assert "Throughput (calls per second)" in (folder / "run.html").read_text(encoding="utf-8")
