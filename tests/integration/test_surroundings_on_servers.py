"""What surrounds trials on real servers: the cache, checkpoints, others who write, and plans made for empty tables."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random
from statistics import median
from types import SimpleNamespace
from typing import Any

import laboratory
import places
import psycopg
import pytest
import servers

from schemabench import Call, Workload, Writer
from schemabench.experiment import Plan, checkpoints, entrant, filling, measure, planning
from schemabench.experiment.burst import Burst, make
from schemabench.experiment.entrant import CONTROL, Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.surroundings import look
from schemabench.records import Experiment
from schemabench.server import Needs, Server, folder, local, serve, several

SILENCE: Any = SimpleNamespace(stage=lambda *_: None, block=lambda *_: None)
MIB = 1 << 20
SCHEMA = "CREATE TABLE votes (id int PRIMARY KEY, total int, note text);\n"
ROWS = "INSERT INTO votes SELECT -n, 0, '' FROM generate_series(1, 10000) AS n;\n"
"""Plans made for them use the index."""
OPERATIONS = """\
-- name: vote
INSERT INTO votes SELECT :first::int + n, n, repeat('x', 1000) FROM generate_series(1, 100) AS n;
-- name: read_total
SELECT total FROM votes WHERE id = :id::int;
-- name: rows
SELECT count(*), sum(total) FROM votes;
"""


@dataclass(frozen=True)
class Poll:
    """The cardinality."""

    ids: int = 1000


def _burst(poll: Poll, writer: str, block: int, random: Random) -> Iterator[Call]:
    for number in count():
        if writer == "reader":
            yield Call("read_total", {"id": random.randrange(1, poll.ids)}, rows=0)
        else:
            yield Call("vote", {"first": (block * 10_000 + number) * 100}, rows=100)


VOTES = Workload(
    name="votes",
    summary="a table that begins empty",
    cardinalities={"typical": Poll()},
    writers=lambda _: (
        Writer(name="stream", kind="stream", weight=1),
        Writer(name="reader", kind="reader", weight=20),
    ),
    burst=_burst,
    state=("rows",),
)


@pytest.fixture
def database() -> None:
    """Nothing: experiments make databases of their own."""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return _plan(tmp_path)


def _plan(place: Path, schema: str = SCHEMA) -> Plan:
    return Plan(
        found=laboratory.found(place, VOTES, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(place / "schemas", dict.fromkeys(("baseline", "a"), schema)),
        clients=2,
        budget_s=1.0,
        precision=1e-9,
        seed=1,
    )


@pytest.fixture(scope="module", params=servers.ENDS)
def small(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start a server of each version with a small cache, where nothing vacuums or analyzes what is looked for."""
    settings = {"autovacuum": "off", "shared_buffers": "4MB"}
    with servers.serving(str(request.param), settings=settings, clients=16, run_id="around") as server:
        yield server


@pytest.fixture(scope="module")
def measured(small: Server, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Run an experiment on it, with rounds after checkpoints although it is short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "SHORTEST_S", 0.0)
        patch.setattr(checkpoints, "MOST_SHARE", 100.0)
        return measure(_plan(tmp_path_factory.mktemp("measured"), SCHEMA + ROWS), small, SILENCE)


def test_a_cache_that_all_candidates_together_exceed_is_noted(measured: Experiment, small: Server) -> None:
    (text,) = [one.text for one in measured.notices if one.code == "cold-cache"]

    assert "shared_buffers is 4.00 MiB" in text
    assert "--lead-in, --postgres-setting shared_buffers=" in text
    shares = {one.name: one.resident_share for one in measured.candidates if one.resident_share is not None}
    assert {*shares} == {one.name for one in measured.candidates}
    assert all(0 < share <= 1 for share in shares.values()), "how cold a trial begins depends on the machine"
    assert any(f"of block accesses of {name} were reads" in text for name in (*shares, CONTROL))
    for one in measured.candidates:
        if _has_buffercache(small):
            assert one.cached_share is not None
            assert 0 <= one.cached_share < 1, "the last one to have its turn has taken the cache from others"
            assert "was in the cache after the last block" in text
        else:
            assert one.cached_share is None


def test_what_follows_a_checkpoint_is_dearer_and_counts_for_itself_alone(measured: Experiment) -> None:
    for one in measured.candidates:
        costs = {cost.name: cost.value for cost in one.costs}
        usual, after = costs["wal_bytes"], costs["wal_bytes_after_checkpoint"]
        assert usual is not None
        assert after is not None, (one.name, one.retired, measured.notices)
        assert after > usual
        assert (costs["full_page_images_after_checkpoint"] or 0) > 0
        assert sum(not trial.warmup for trial in one.trials) == measured.blocks
        assert sum(latency.count for latency in one.latencies) == measured.blocks * measured.operations


def _has_buffercache(server: Server) -> bool:
    with psycopg.connect(server.conninfo) as connection:
        return bool(connection.execute("SELECT FROM pg_available_extensions WHERE name = 'pg_buffercache'").fetchall())


@pytest.fixture
def one(plan: Plan, small: Server) -> Iterator[Entrant]:
    """Enter the baseline, whose table is empty."""
    with ExitStack() as stack:
        template = filling.build(plan.candidates[0], plan.found.operations, small, ())
        stack.callback(several.drop, small, template.databases)
        clone = several.clone(small, template.databases, "baseline")
        stack.callback(several.drop, small, clone)
        yield stack.enter_context(closing(entrant.enter(template, "baseline", clone, plan.connections)))


def _execute(one: Entrant, burst: Burst) -> float:
    """Return the seconds that a burst took."""
    seconds = one.sessions.execute(burst, Random(1)).duration_ns / 1e9  # noqa: S311 (reproducible on purpose)
    one.sessions.flush_statistics()
    return seconds


def _of(burst: Burst, writer: str) -> Burst:
    """Return the calls of one writer."""
    queues = [[call for call in queue if call.writer == writer] for queue in burst.queues]
    return replace(burst, queues=queues)


def test_a_plan_cached_over_an_empty_table_makes_a_candidate_slow_and_is_told(
    plan: Plan, one: Entrant, small: Server
) -> None:
    feed = Feed(plan.found, plan.values, plan.seed, {})
    reads = [_of(make(feed, plan.writers, block, 1), "reader") for block in range(5)]
    writes = _of(make(feed, plan.writers, 0, 200), "stream")
    _execute(one, reads[0])
    calls = planning.calls(plan, {call.operation: call for burst in (reads[0], writes) for call in burst.calls()})
    begun = planning.Begun(calls=calls, choices={"baseline": planning.choices(one, calls)})
    _execute(one, writes)
    stale_s = median(_execute(one, burst) for burst in reads)
    with closing(entrant.enter(one.template, "new", one.databases, plan.connections)) as new:
        fresh_s = median(_execute(new, burst) for burst in reads)
    ended = planning.end(one, begun, calls)
    found = {
        notice.code: notice.text
        for notice in planning.notices(begun, {"baseline": ended}, {"baseline": planning.plans(one, calls)})["baseline"]
    }

    assert stale_s > 5 * fresh_s, f"{stale_s:.3f} s instead of {fresh_s:.3f} s"
    assert found["plan-stale"].startswith(
        "Writers of baseline still use plans that a new connection would not choose: read_total (planned when votes "
        "was empty): Seq Scan on votes; a new connection would use "
    )
    assert "votes_pkey" in found["plan-stale"]
    assert found["plan-changed"].startswith(
        "Plans of baseline in the last block differ from those in the first: read_total: "
    )
    assert found["plan-changed"].endswith("instead of Seq Scan on votes")
    assert "votes holds 20,000 rows, but the planner assumes none" in found["statistics-of-empty-table"]
    cache = look(small, [one], None)
    assert cache.size_bytes == 4 * MIB
    assert cache.relations_bytes["baseline"] > 2 * MIB


@pytest.mark.skipif(not servers.FOUND, reason="no programs of PostgreSQL on this machine")
def test_who_writes_beside_on_a_server_of_others_is_told_and_no_checkpoint_is_forced_there(plan: Plan) -> None:
    settings = {"fsync": "off", **servers.WAL, "autovacuum": "off"}
    with places.place() as path, pytest.MonkeyPatch.context() as patch:
        patch.setenv(folder.VARIABLE, str(path))
        patch.setattr(checkpoints, "SHORTEST_S", 0.0)
        patch.setattr(checkpoints, "MOST_SHARE", 100.0)
        with (
            local.start(servers.FOUND[max(servers.FOUND)], settings, [], "theirs") as theirs,
            serve(theirs.conninfo, Needs(clients=8), settings={}, run_id="quiet") as server,
        ):
            alone = measure(plan, server, SILENCE)
            with psycopg.connect(theirs.conninfo, autocommit=True) as stranger:
                stranger.execute("CREATE TABLE theirs (id int)")
                done = threading.Event()
                writing = threading.Thread(target=_write, args=(stranger, done))
                writing.start()
                beside = measure(plan, server, SILENCE)
                done.set()
                writing.join()

    assert "strangers" not in {one.code for one in alone.notices}
    (text,) = [one.text for one in beside.notices if one.code == "strangers"]
    assert text.startswith("Databases outside this run wrote ")
    for one in beside.candidates:
        costs = {cost.name: cost.value for cost in one.costs}
        assert (costs["wal_bytes_after_checkpoint"], costs["full_page_images_after_checkpoint"]) == (None, None)
    (reason,) = [one.text for one in beside.notices if "WAL after a checkpoint" in one.text]
    assert "full-page images after a checkpoint (a checkpoint is forced only on a server of schemabench's own" in reason


def _write(stranger: psycopg.Connection, done: threading.Event) -> None:
    while not done.wait(0.01):
        stranger.execute("INSERT INTO theirs SELECT generate_series(1, 1000)")
        stranger.execute("SELECT pg_stat_force_next_flush()")  # or a run of a second may end before it is told
