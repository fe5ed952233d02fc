"""A race on a real server: who takes three times as long leaves, and the others have its share of the budget."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

import laboratory
import pytest

from schemabench import Call, Workload, Writer
from schemabench.experiment import Plan, measure
from schemabench.progress import Silence
from schemabench.records import CandidateResult, Experiment
from schemabench.report import verdict
from schemabench.report.text import plain
from schemabench.server import Database, Server
from schemabench.statistics import fewest_blocks
from schemabench.workers.follower import follow
from schemabench.workers.leader import lead
from schemabench.workers.link import Link
from schemabench.workers.seat import Seat

NAMES = ("gw0", "gw1")
LONG_S = 60.0
"""A budget that is not used up: the race ends as soon as only the baseline is left."""
AMPLE = 3.0
"""Times the length of a race of two: by then, who takes three times as long has left a race of more, too."""
PAUSE_S = 0.005
"""How long a call sleeps on the server: a trial is as long as its calls, however busy the machine is."""
TABLE = "CREATE TABLE item (key bigint PRIMARY KEY, value bigint NOT NULL);\n"
SLEEP = f"SELECT pg_sleep({PAUSE_S}), :key::bigint;\n"
OPERATIONS = f"-- name: look\n{SLEEP}-- name: items\nSELECT key FROM item;\n"
ROW = "INSERT INTO item VALUES (1, 1);\n"
THRICE = f"{TABLE}-- name: look\n{SLEEP}{SLEEP}{SLEEP}"
COUNTED = f"{TABLE}CREATE SEQUENCE calls;\n-- name: look\n"
LAST = 500
"""Calls that are fast: as many as thirty blocks have, of which a race needs a dozen."""
SOON = f"{COUNTED}SELECT pg_sleep(CASE WHEN nextval('calls') > {LAST} THEN 3 ELSE 0.4 END * {PAUSE_S}), :key::bigint;\n"
BREAKS = f"{COUNTED}SELECT pg_sleep(0.4 * {PAUSE_S}), 1 / greatest(0, {LAST} - nextval('calls')), :key::bigint;\n"


@dataclass(frozen=True)
class Sizes:
    """The cardinality."""


def burst(_sizes: Sizes, _writer: str, _block: int, random: Random) -> Iterator[Call]:
    """Yield looks."""
    return (Call("look", {"key": random.randrange(100)}, rows=0) for _ in count())


LOOKS = Workload(
    name="looks",
    summary="one reader",
    cardinalities={"typical": Sizes()},
    writers=lambda _: (Writer(name="reader", kind="stream", weight=8),),
    burst=burst,
    state=("items",),
)


def _plan(folder: Path, **candidates: str) -> Plan:
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    return Plan(
        found=laboratory.found(folder, LOOKS, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", candidates),
        clients=2,
        budget_s=LONG_S,
        precision=1e-6,
        seed=1,
        burst=16,
        race=3,
    )


def _results(experiment: Experiment) -> dict[str, CandidateResult]:
    assert {one.status for one in experiment.candidates} == {"ranked"}
    return {one.name: one for one in experiment.candidates}


def _follow(plan: Plan, link: Link) -> Callable[[], None]:
    return lambda: follow(plan, link, Seat(number=1, names=NAMES, run_id="test", folder="/nowhere"))


@pytest.fixture
def decided_s(tmp_path: Path, server: Server) -> float:
    """Return how long a race lasts on this machine now until who takes three times as long has left."""
    raced = measure(_plan(tmp_path / "alone", baseline=TABLE, thrice=THRICE), server, Silence())
    assert raced.stopped == "decided", "only the baseline is left"
    return raced.elapsed_s


def test_who_takes_three_times_as_long_leaves_and_the_others_have_the_rest_of_the_budget(
    tmp_path: Path, server: Server, decided_s: float
) -> None:
    plan = _plan(tmp_path, baseline=TABLE, same=TABLE, thrice=THRICE)
    plan = replace(plan, budget_s=AMPLE * decided_s, soak_s=0.6)
    raced = measure(plan, server, Silence())
    found = _results(raced)
    thrice, standing = found["thrice"], found["thrice"].standing

    assert raced.race == 3
    assert raced.spent_s == raced.elapsed_s, "whose time all counts"
    assert raced.stopped == "budget"
    assert thrice.retired is not None
    assert (thrice.retired.rule, thrice.retired.leader in {"baseline", "same"}) == ("race", True)
    assert thrice.retired.trials == sum(not trial.warmup for trial in thrice.trials) < raced.blocks
    assert thrice.retired.behind is not None
    assert thrice.retired.behind.high < 1
    assert thrice.notices[0].code == "raced"
    assert thrice.latencies
    assert thrice.plans
    assert standing is not None
    assert 0.2 < standing.to_baseline.value < 0.7
    assert standing.to_baseline.high < 1
    assert standing.rank == 3
    assert thrice.soak is None, "it has no part in what comes after the race"
    assert found["same"].retired is None
    assert found["same"].soak is not None


@pytest.mark.thorough
def test_who_leaves_a_race_with_other_rows_is_disqualified(tmp_path: Path, server: Server, decided_s: float) -> None:
    wrong = THRICE.replace(TABLE, f"{TABLE}{ROW}")
    plan = _plan(tmp_path, baseline=TABLE, same=TABLE, again=TABLE, wrong=wrong)
    plan = replace(plan, budget_s=AMPLE * decided_s)
    experiment = measure(plan, server, Silence())
    found = {one.name: one for one in experiment.candidates}

    assert experiment.blocks_needed == fewest_blocks(3), "of those that can be ranked"
    assert found["wrong"].status == "disqualified"
    assert len(found["wrong"].trials) < len(found["baseline"].trials), "it left"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("leader", "ends"),
    [(SOON, ("ranked", "leader fell back from ")), (BREAKS, ("failed", "leader lost its rank"))],
    ids=["the leader becomes slow", "the leader fails"],
)
def test_who_left_behind_a_leader_that_does_not_stay_ahead_may_have_a_place_after_all(
    tmp_path: Path, server: Server, decided_s: float, leader: str, ends: tuple[str, str]
) -> None:
    plan = _plan(tmp_path, baseline=TABLE, same=TABLE, leader=leader)
    plan = replace(plan, budget_s=3 * AMPLE * decided_s, race=1)
    experiment = measure(plan, server, Silence())
    status, said = ends
    found = {one.name: one for one in experiment.candidates}
    same = found["same"]

    assert found["leader"].status == status
    assert same.retired is not None
    assert same.retired.leader == "leader"
    assert same.standing is not None
    assert same.standing.rank == 1, "nobody is known to be faster now"
    assert same.notices[1].code == "raced-in-doubt"
    assert said in same.notices[1].text
    assert plain(verdict.sentence(experiment)).endswith("same may have a place after all.")


@pytest.mark.thorough
def test_the_leader_decides_who_leaves_and_the_other_workers_follow(
    tmp_path: Path, server: Server, database: Database
) -> None:
    plan = replace(_plan(tmp_path, baseline=TABLE, thrice=THRICE), lead_in=0.5)
    conninfo = server.conninfo_for(database.name)
    with ExitStack() as stack:
        links = [stack.enter_context(closing(Link(conninfo, "test", number))) for number in (0, 1)]
        pool = stack.enter_context(ThreadPoolExecutor(1))
        following = pool.submit(_follow(plan, links[1]))
        seat = Seat(number=0, names=NAMES, run_id="test", folder="/nowhere")
        with lead(plan, links[0], seat) as team:
            found = _results(measure(plan, server, Silence(), team))
        following.result()

    assert found["thrice"].retired is not None
    assert found["thrice"].retired.rule == "race"
    assert all(len(one.trials[-1].busy_shares) == len(NAMES) for one in found.values())
