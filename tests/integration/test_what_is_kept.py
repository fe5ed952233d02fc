"""What is kept of an experiment that Ctrl-C ends after candidates left or after its last block, on a real server."""

import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

import laboratory
import psycopg
import pytest

from schemabench import Call, Workload, Writer
from schemabench.errors import Interrupted
from schemabench.experiment import Plan, measure, soaking
from schemabench.progress import Shown, Silence
from schemabench.records import CandidateResult, Experiment
from schemabench.server import Database, Server

pytestmark = pytest.mark.usefixtures("heeds_interrupts")

OPERATIONS = """\
-- name: put
INSERT INTO item (key, value) VALUES (:key::bigint, :value::bigint)
ON CONFLICT (key) DO UPDATE SET value = greatest(item.value, excluded.value);
-- name: items
SELECT key, value FROM item ORDER BY key;
"""
BASELINE = "CREATE TABLE item (key bigint PRIMARY KEY, value bigint);\n"
LOSES = (
    BASELINE
    + """\
-- name: put
INSERT INTO item VALUES (:key::bigint, :value::bigint) ON CONFLICT (key) DO NOTHING;
"""
)
SLOW_AND_LOSES = (
    BASELINE
    + """\
-- name: put
SELECT count(*) FROM generate_series(1, 60000) WHERE :key::bigint > 0;
INSERT INTO item VALUES (:key::bigint, :value::bigint) ON CONFLICT (key) DO NOTHING;
"""
)
BY_CHANCE = OPERATIONS.replace("SELECT key, value FROM item ORDER BY key;", "SELECT random();")


@dataclass(frozen=True)
class Shop:
    """The cardinality."""

    keys: int = 20


def burst(shop: Shop, _: str, block: int, random: Random) -> Iterator[Call]:
    """Yield puts whose greatest value stays, in whatever order they come."""
    for number in count():
        yield Call("put", {"key": random.randrange(shop.keys), "value": block * 1000 + number})


SHOP = Workload(
    name="shop",
    summary="a made-up shop",
    cardinalities={"typical": Shop()},
    writers=lambda _: (Writer(name="stream", kind="stream", weight=1),),
    burst=burst,
    state=("items",),
)


class Impatient(Silence):
    """Who presses Ctrl-C once, at a stage."""

    def __init__(self, stage: str) -> None:
        self._stage, self.pressed, self.last = stage, False, ""

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Press it."""
        super().stage(plan, text, elapsed_s)
        self.last = text
        if text == self._stage and not self.pressed:
            self.pressed = True
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def database() -> None:
    """Nothing: experiments make databases of their own."""


@pytest.fixture(autouse=True)
def _tidy(server: Server) -> Iterator[None]:
    """See that nothing is left behind."""
    yield
    with psycopg.connect(server.conninfo) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'sb%'").fetchall()
    assert {name for (name,) in rows} == {database.name for database in server.databases}


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    """Return what makes a plan of candidates."""

    def made(budget_s: float = 0.0, operations: str = OPERATIONS, **candidates: str) -> Plan:
        return Plan(
            found=laboratory.found(tmp_path, SHOP, operations),
            cardinality="typical",
            candidates=laboratory.installable(tmp_path / "schemas", {"baseline": BASELINE, **candidates}),
            clients=2,
            budget_s=budget_s,
            precision=0.001,
            burst=40,
            seed=1,
        )

    return made


def _kept(
    plan: Plan, server: Server, watching: Silence, match: str
) -> tuple[Experiment, Mapping[str, CandidateResult]]:
    """Return what is kept of an experiment that is interrupted, and its results by candidate."""
    with pytest.raises(Interrupted, match=match) as ended:
        measure(plan, server, watching)
    assert isinstance(ended.value.known, Experiment)
    return ended.value.known, {one.name: one for one in ended.value.known.candidates}


def _told(experiment: Experiment, code: str) -> list[str]:
    return [one.text for one in experiment.notices if one.code == code]


def test_who_was_found_wrong_stays_disqualified_when_plans_are_interrupted(
    plan: Callable[..., Plan], server: Server
) -> None:
    experiment, found = _kept(plan(loses=LOSES), server, Impatient("explaining plans"), "after the last block")

    assert {name: one.status for name, one in found.items()} == {"baseline": "ranked", "loses": "disqualified"}
    assert experiment.stopped != "interrupted", "rows were compared"
    assert _told(experiment, "interrupted")[0].endswith("Results cover the blocks before. No plans were collected")


def test_rows_that_an_interrupt_left_uncompared_are_told(plan: Callable[..., Plan], server: Server) -> None:
    experiment, found = _kept(plan(loses=LOSES), server, Impatient("comparing states"), "after the last block")

    assert found["loses"].status == "ranked", "nobody knows better"
    assert experiment.stopped == "interrupted"
    assert "States and invariants were not checked" in _told(experiment, "interrupted")[0]


def test_who_left_with_wrong_rows_is_disqualified_though_the_blocks_are_interrupted(
    plan: Callable[..., Plan], server: Server
) -> None:
    class AfterLeaving(Impatient):
        def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
            super().block(plan, done, elapsed_s, ratios)
            if self.pressed and done > 8:
                raise KeyboardInterrupt

        def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
            self.pressed = self.pressed or text == "comparing the state of slow, which leaves"
            assert plan
            assert elapsed_s is None or elapsed_s >= 0

    experiment, found = _kept(plan(30.0, slow=SLOW_AND_LOSES), server, AfterLeaving(""), "was interrupted in")

    assert experiment.stopped == "interrupted"
    assert found["slow"].status == "disqualified"
    assert "items" in found["slow"].reason


def test_who_left_is_not_disqualified_for_rows_in_which_equals_differ_too(
    plan: Callable[..., Plan], server: Server
) -> None:
    experiment = measure(plan(2.0, BY_CHANCE, slow=SLOW_AND_LOSES), server, Silence())
    found = {one.name: one for one in experiment.candidates}

    assert found["slow"].retired is not None
    assert found["slow"].status == "ranked"
    left, at_the_end = sorted(_told(experiment, "state-not-comparable"), key=lambda text: "When slow left" not in text)
    assert left.startswith("When slow left, its rows differed from the baseline's, but so did the control's")
    assert "No candidate was disqualified for its rows" in at_the_end


def test_ctrl_c_while_databases_are_dropped_loses_nothing(
    plan: Callable[..., Plan], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, dropped = Impatient(""), Server.drop
    presses: list[str] = []

    def drop(own: Server, database: Database) -> None:
        if watcher.last == "explaining plans":
            presses.append(database.name)
            signal.raise_signal(signal.SIGINT)
        dropped(own, database)

    monkeypatch.setattr(Server, "drop", drop)
    experiment, found = _kept(plan(same=BASELINE), server, watcher, "after all was measured")

    assert len(presses) > 1, "and again with each database"
    assert {one.status for one in found.values()} == {"ranked"}
    assert all(one.plans for one in found.values())
    assert experiment.stopped != "interrupted"


def test_what_an_interrupted_experiment_does_not_know_it_says(plan: Callable[..., Plan], server: Server) -> None:
    asked = replace(plan(same=BASELINE), upkeep="autovacuum")
    experiment, _ = _kept(asked, server, Impatient("comparing states"), "after the last block")

    assert [text for text in _told(experiment, "counters-missing") if "--upkeep between-blocks" in text]


def test_plans_that_were_collected_stay_when_a_soak_is_interrupted_before_it_begins(
    plan: Callable[..., Plan], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(soaking, "soak", interrupted)
    experiment, found = _kept(plan(same=BASELINE), server, Silence(), "after the last block")

    assert all(one.plans for one in found.values())
    assert _told(experiment, "interrupted")[0].endswith("Results cover the blocks before")
