"""What goes on after the replay of the production load was cut short under a candidate, on a real server."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import laboratory
import pytest

from schemabench import Call, Given, Replay, Workload, Writer
from schemabench.experiment import Plan, checkpoints, measure, retiring
from schemabench.experiment.burst import Burst
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.team import Alone, Executed, Samples
from schemabench.load import Limits, Talk
from schemabench.progress import Silence
from schemabench.records import Experiment
from schemabench.server import Server

CALLS_PER_S = 1_000.0
WEIGHT = 20
BASELINE = "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number int, before bigint);\n"
OPERATIONS = """\
-- name: place
INSERT INTO orders (number, before) VALUES (:number::int, :before::bigint) RETURNING id;
"""


@dataclass(frozen=True)
class Sizes:
    """The cardinality."""


def chained(_sizes: Sizes, lines: Iterator[str], _others: object, _cycle: int) -> Iterator[Call]:
    """Yield orders that each take the number of the one before, as a file has them."""
    for number, _ in enumerate(lines):
        before = Given(f"order {number - 1}", 0) if number else 0
        yield Call(
            "place",
            {"number": number, "before": before},
            gives={"id": f"order {number}"},
            key="one",
            at_s=number / CALLS_PER_S,
        )


def burst(_sizes: Sizes, _writer: str, _block: int, _random: Random) -> Iterator[Call]:
    """Yield orders that come after none."""
    while True:
        yield Call("place", {"number": 0, "before": 0})


class Impatient(Alone):
    """This process, which does not wait for the candidate `slow` to execute a burst with a pace."""

    def execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None, limits: Limits
    ) -> tuple[Executed, Samples]:
        """Execute a burst, or a part of it."""
        if burst.pace and entrant.name == "slow":
            limits = replace(limits, trial_s=0.1)
        return super().execute(entrant, burst, random, watch, limits)


@pytest.fixture
def measured(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Return an experiment with rounds after checkpoints, and with a replay that is cut short under one candidate."""
    monkeypatch.setattr(checkpoints, "SHORTEST_S", 0.0)
    monkeypatch.setattr(checkpoints, "MOST_SHARE", 10.0)
    monkeypatch.setattr(retiring, "lagging", lambda *_: [])  # as a stall of the machine may have it, in bursts so short
    path = tmp_path / "orders.csv"
    path.write_text("".join(f"{number}\n" for number in range(20_000)), encoding="utf-8")
    (tmp_path / "__init__.py").touch()
    workload = Workload(
        name="chained",
        summary="orders, each after another",
        cardinalities={"typical": Sizes()},
        writers=lambda _: (Writer(name="stream", kind="stream", weight=WEIGHT),),
        burst=burst,
        replay=Replay(writer="stream", columns="number", parse=str, calls=chained, timed=True),
        production_s=lambda _: WEIGHT / CALLS_PER_S,
    )
    candidates = {"baseline": BASELINE, "slow": BASELINE, "same": BASELINE}
    plan = Plan(
        found=laboratory.found(tmp_path, workload, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(tmp_path / "schemas", candidates),
        clients=1,
        budget_s=2.0,
        precision=0.01,
        seed=1,
        burst=WEIGHT,
        adequacy_s=0.4,
    )
    plan = replace(plan, inputs={"chained": path})
    return measure(plan, server, Silence(), Impatient(plan))


def test_a_candidate_whose_replay_was_cut_short_costs_the_experiment_nothing_but_its_own_rounds_after_checkpoints(
    measured: Experiment,
) -> None:
    found = {one.name: one for one in measured.candidates}
    kept = {name: one.adequacy for name, one in found.items()}
    wal = {
        name: cost.value
        for name, one in found.items()
        for cost in one.costs
        if cost.name == "wal_bytes_after_checkpoint"
    }

    assert {name: one.reason for name, one in found.items() if one.status != "ranked"} == {}
    assert {name for name, one in kept.items() if one and one.cut} == {"slow"}
    assert {name for name, value in wal.items() if value is None} == {"slow"}
    (told,) = [one.text for one in measured.notices if "under slow: " in one.text]
    assert told.startswith("Not counted: WAL after a checkpoint, full-page images after a checkpoint (under slow: the ")
