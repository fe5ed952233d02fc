"""Searches and maps: what they record and freeze, interrupted ones too. What they find is for tests/calibration."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import items_project
import pytest

from schemabench import cardinality as cardinalities
from schemabench import crossover, workload
from schemabench.bench import Bench
from schemabench.cardinality import ROUND_TRIP, Axis
from schemabench.crossover import finding
from schemabench.errors import CandidateError, SchemabenchError, UsageError
from schemabench.experiment import filling
from schemabench.progress import Shown
from schemabench.records import from_builtins, to_builtins
from schemabench.server import Database, Server

pytestmark = pytest.mark.usefixtures("heeds_interrupts")

STEPS = """\
-- name: fill
COPY account (id) FROM STDIN;
-- name: pay
SELECT balance FROM account WHERE id = :id::int FOR UPDATE;
UPDATE account SET balance = balance - 1 WHERE id = :id::int;
UPDATE account SET balance = balance + 1 WHERE id = 1 + :id::int % 1000;
INSERT INTO payment (account) VALUES (:id::int);
SELECT balance FROM account WHERE id = :id::int;
"""
ACCOUNTS = """\
CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL DEFAULT 0);
CREATE TABLE payment (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int);
"""
AT_ONCE = """\
CREATE FUNCTION pay(payer int) RETURNS int LANGUAGE sql AS $$
    SELECT balance FROM account WHERE id = payer FOR UPDATE;
    UPDATE account SET balance = balance - 1 WHERE id = payer;
    UPDATE account SET balance = balance + 1 WHERE id = 1 + payer % 1000;
    INSERT INTO payment (account) VALUES (payer);
    SELECT balance FROM account WHERE id = payer;
$$;
-- name: pay
SELECT pay(:id::int);
"""
STEPPING = """\
from dataclasses import dataclass

from schemabench import Axis, Call, Rows, Workload, Writer


@dataclass(frozen=True, kw_only=True)
class Sizes:
    accounts: int = 1000
    payers: int = 1


WORKLOAD = Workload(
    name="steps",
    summary="one transaction of five statements, or one function",
    cardinalities={"typical": Sizes()},
    axes=(Axis(field="accounts", low=1000, high=2000), Axis(field="payers", low=1, high=2)),
    writers=lambda _: [Writer(name="payer", kind="stream", weight=1)],
    burst=lambda sizes, writer, block, random: iter(lambda: Call("pay", {"id": random.randrange(1000) + 1}), None),
    background=lambda sizes, _: iter([Rows("fill", ["id"], ((one,) for one in range(1, sizes.accounts + 1)))]),
)
"""


@pytest.fixture
def database() -> None:
    """Nothing: experiments make databases of their own."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return the bench of the project, and a server of its own; experiments end as soon as there is an interval."""
    monkeypatch.setattr(finding, "FULL_S", 1.0)
    with items_project.bench(tmp_path, budget_s=8.0) as bench:
        yield bench


def test_search_freezes_and_records_what_it_found(bench: Bench) -> None:
    crossover.add_search(bench, "items", resume=False)

    (found,) = bench.findings.crossovers
    worst = found.found[0]
    assert (found.candidate, found.start.cardinality, worst.cardinality) == ("indexed", "typical", "worst-found")
    assert found.flips == ({found.start.side, *(one.side for one in found.found)} >= {"better", "worse"})
    assert [(one.cardinality, one.origin) for one in bench.findings.further][:2] == [
        ("typical", "pinned"),
        ("worst-found", "found"),
    ]
    frozen = workload.with_frozen(workload.load(bench.asked.root / "workloads", "items"))
    assert frozen.frozen["worst-found"].digest == worst.digest == bench.findings.further[1].digest
    assert cardinalities.values(frozen.workload.cardinalities["worst-found"]) == worst.values
    assert not (bench.asked.root / "workloads/items/crossover-state.json").exists()
    assert from_builtins(to_builtins(bench.record())) == bench.record()


def test_interrupted_search_freezes_nothing_and_goes_on_where_it_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = _interrupt(monkeypatch, at=3)
    with pytest.raises(SchemabenchError, match=r"interrupted after .*: no worst-found was frozen") as caught:
        crossover.add_search(bench, "items", resume=False)
    assert caught.value.remedies == ("resume it: schemabench crossover items --resume",)
    assert caught.value.checked[:2] == ("measured in full: typical", "cardinalities probed: 1")
    assert not (bench.asked.root / "workloads/items/cardinalities.json").exists()
    (broken_off,) = bench.record().crossovers
    assert (broken_off.ended, broken_off.found, len(broken_off.probes)) == ("it was interrupted", (), 1)
    assert [one.cardinality for one in bench.record().experiments] == ["typical"]

    looks[:] = ["again"] * 3
    crossover.add_search(bench, "items", resume=True)

    assert len(bench.findings.crossovers[1].probes) == 1 + looks.count("probe")


@pytest.mark.parametrize(
    ("doing", "full"),
    [("at the start", ["typical"]), ("probing", ["typical"]), ("measuring 1", ["typical", "worst-found"])],
    ids=["of the start", "of a probe", "of one in full"],
)
def test_ctrl_c_while_databases_are_dropped_loses_nothing_of_a_search(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, doing: str, full: list[str]
) -> None:
    _press_in_dropping(monkeypatch, doing)

    with pytest.raises(SchemabenchError, match="The search was interrupted after") as caught:
        crossover.add_search(bench, "items", resume=False)

    assert caught.value.checked[0] == f"measured in full: {', '.join(full)}"
    assert [one.cardinality for one in bench.record().experiments] == full
    found = [one.found for one in bench.record().crossovers]
    begun = doing != "at the start"
    assert [[spot.cardinality for spot in one] for one in found] == ([full[1:]] if begun else [])
    state = bench.asked.root / "workloads/items/crossover-state.json"
    assert state.exists() == begun, "what was probed is there for --resume"


def test_of_a_start_that_is_interrupted_the_finished_blocks_are_reported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def block(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(crossover.Laboratory, "block", block)
    with pytest.raises(SchemabenchError, match="The search was interrupted after") as caught:
        crossover.add_search(bench, "items", resume=False)

    assert caught.value.checked[0] == "measured in full: nothing"
    (start,) = bench.record().experiments
    assert (start.cardinality, start.stopped, start.blocks) == ("typical", "interrupted", 1)


@pytest.mark.thorough
def test_ctrl_c_while_databases_are_dropped_loses_no_cell_of_a_map(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _press_in_dropping(monkeypatch, "cell 1")

    with pytest.raises(SchemabenchError, match="1 of its 4 cells measured"):
        crossover.add_map(bench, "items", (2, 2), lambda: None)

    assert _measured(bench) == 1


@pytest.mark.thorough
def test_search_goes_on_where_the_baseline_fails_at_one_cardinality(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.asked = replace(
        bench.asked, options=replace(bench.asked.options, budget_s=60.0, precision=0.5)
    )  # enough, and soon over
    looks: list[str] = []
    measure = crossover.Laboratory.measure

    def failing(self: crossover.Laboratory, name: str, *arguments: object, **options: object) -> object:
        looks.append(name)
        if looks.count("probe") == 4:
            monkeypatch.setattr(finding, "SEARCH_SHARE", 0.0)  # it is the last
        if (looks.count("probe") in {1, 2} and name == "probe") or looks.count("worst-found") == 1:
            raise CandidateError("the baseline is too slow")
        return measure(self, name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(crossover.Laboratory, "measure", failing)
    crossover.add_search(bench, "items", resume=False)

    (found,) = bench.findings.crossovers
    assert [probe.reason for probe in found.probes[:2]] == ["baseline failed: the baseline is too slow"] * 2
    assert len(found.probes) > 2
    assert not found.ended


def test_search_is_not_resumed_under_other_conditions(bench: Bench) -> None:
    state = bench.asked.root / "workloads/items/crossover-state.json"
    state.write_text('{"fingerprint": "of another schema", "candidate": "indexed", "probes": {}}', encoding="utf-8")

    with pytest.raises(UsageError, match="one of its conditions has changed"):
        crossover.add_search(bench, "items", resume=True)
    state.unlink()
    with pytest.raises(UsageError, match="There is no search to resume"):
        crossover.add_search(bench, "items", resume=True)


@pytest.mark.thorough
def test_map_has_a_cell_for_each_place_and_says_no_more_than_its_interval(bench: Bench) -> None:
    bench.asked = replace(
        bench.asked, options=replace(bench.asked.options, budget_s=60.0, precision=0.5)
    )  # enough, and soon over

    kept: list[int] = []
    crossover.add_map(bench, "items", (2, 2), lambda: kept.append(_measured(bench)))

    (drawn,) = bench.findings.maps
    assert [(cell.first, cell.second) for cell in drawn.cells] == [(10, 4), (10, 8), (40_000, 4), (40_000, 8)]
    for cell in drawn.cells:
        assert cell.ratio is not None
        assert cell.side in {"tied", "better", "worse"}
        assert cell.side != "better" or cell.ratio.low > 1
        assert cell.side != "worse" or cell.ratio.high < 1
    assert kept == [1, 2, 3, 4, 4]
    assert from_builtins(to_builtins(bench.record())).maps == (drawn,)


@pytest.mark.thorough
def test_five_statements_fall_behind_one_function_over_a_round_trip(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "workloads/steps/__init__.py": STEPPING,
        "workloads/steps/operations.sql": STEPS,
        "schemas/steps/baseline.sql": ACCOUNTS,
        "schemas/steps/function.sql": ACCOUNTS + AT_ONCE,
    }.items():
        (bench.asked.root / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.asked.root / name).write_text(text, encoding="utf-8")
    bench.asked = replace(bench.asked, options=replace(bench.asked.options, budget_s=40.0, precision=0.3))
    built: list[str] = []
    build = filling.build
    monkeypatch.setattr(
        filling, "build", lambda one, *rest, **more: (built.append(one.name), build(one, *rest, **more))[1]
    )

    over = [Axis(field=ROUND_TRIP, low=0.0, high=20.0)]
    crossover.add_map(bench, "steps", (2, 2), lambda: None, over)

    (drawn,) = bench.findings.maps
    ratios = {(cell.first, cell.second): cell.ratio.value for cell in drawn.cells if cell.ratio}
    assert (drawn.first, drawn.second) == ("accounts", ROUND_TRIP)
    for accounts in (1000, 2000):
        assert ratios[accounts, 20.0] > 4.0, "seven exchanges against one"
        assert ratios[accounts, 0.0] < ratios[accounts, 20.0] / 1.3
    assert sorted(built) == ["baseline", "baseline", "function", "function"], (
        "rows are loaded once for both round trips"
    )


@pytest.mark.thorough
def test_interrupted_map_keeps_the_cells_that_were_measured(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.asked = replace(
        bench.asked, options=replace(bench.asked.options, budget_s=60.0, precision=0.5)
    )  # enough, and soon over
    _interrupt(monkeypatch, at=3)

    with pytest.raises(SchemabenchError, match=r"The map was interrupted after .*: 2 of its 4 cells measured"):
        crossover.add_map(bench, "items", (2, 2), lambda: None)

    (drawn,) = bench.record().maps
    assert [cell.ratio is None for cell in drawn.cells] == [False, True, True, False]
    assert {cell.reason for cell in drawn.cells[1:3]} == {"the map was interrupted"}


def test_map_of_several_candidates_keeps_the_experiment_that_chose_the_best(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas = bench.asked.root / "schemas/items"
    (schemas / "plain.sql").write_text(items_project.BASELINE, encoding="utf-8")
    _ask(bench, budget_s=10.0)
    _interrupt(monkeypatch, at=2)

    with pytest.raises(SchemabenchError, match="no cell of it was measured"):
        crossover.add_map(bench, "items", (2, 2), lambda: None)

    (start,) = bench.record().experiments
    assert (start.cardinality, len(start.candidates)) == ("typical", 3)


def _ask(bench: Bench, **options: float) -> None:
    """Have the run asked with other options."""
    bench.asked = replace(bench.asked, options=replace(bench.asked.options, **options))


def _measured(bench: Bench) -> int:
    (drawn,) = bench.findings.maps
    return sum(cell.ratio is not None for cell in drawn.cells)


def _press_in_dropping(monkeypatch: pytest.MonkeyPatch, doing: str) -> None:
    """Have Ctrl-C come once, while the databases are dropped of an experiment for such a purpose."""
    purpose, stage, drop, show = [""], [""], Server.drop, crossover.Laboratory.stage

    def shown(self: crossover.Laboratory, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        purpose[0], stage[0] = self.doing, text
        show(self, plan, text, elapsed_s)

    def dropped(self: Server, database: Database) -> None:
        if purpose[0].startswith(doing) and stage[0] == "explaining plans":
            purpose[0] = "over"
            signal.raise_signal(signal.SIGINT)
        drop(self, database)

    monkeypatch.setattr(crossover.Laboratory, "stage", shown)
    monkeypatch.setattr(Server, "drop", dropped)


def _interrupt(monkeypatch: pytest.MonkeyPatch, at: int) -> list[str]:
    """Have Ctrl-C come before an experiment, counted from 1; return the names of all so far."""
    looks: list[str] = []
    measure = crossover.Laboratory.measure

    def interrupted(self: crossover.Laboratory, name: str, *arguments: object, **options: object) -> object:
        looks.append(name)
        if len(looks) == at:
            raise KeyboardInterrupt
        return measure(self, name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(crossover.Laboratory, "measure", interrupted)
    return looks
