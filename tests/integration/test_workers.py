"""Workers on a real server: how messages travel, how the loss of a worker is noticed, and a burst that is shared."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from random import Random
from threading import get_ident
from typing import Any, LiteralString

import laboratory
import programs
import psycopg
import pytest
import waiting
from psycopg.rows import TupleRow

from schemabench import Call, Replay, Rows, Workload, Writer, machine
from schemabench.equivalence import states
from schemabench.errors import ServerError, UsageError, WorkerError, WorkloadError
from schemabench.experiment import Plan, measure
from schemabench.experiment.burst import Burst
from schemabench.experiment.copies import Copies
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.loaded import Loaded
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.team import Part, Samples
from schemabench.progress import Silence
from schemabench.records import Experiment
from schemabench.server import Database, Server
from schemabench.server.dsn import with_words
from schemabench.workers import leader, link, meeting, stalling
from schemabench.workers.follower import Follower, follow
from schemabench.workers.leader import Leader, lead
from schemabench.workers.link import Link
from schemabench.workers.meeting import Meeting
from schemabench.workers.messages import Calling, Compare, Go, Gone, HandedOver, Here, Leave, Over
from schemabench.workers.seat import Seat

NAMES = ("gw0", "gw1")
PROCESS = "process 7 on load2"
PATIENCE_S = 60
"""What is waited for takes milliseconds; a machine that stalls is waited for."""
BASELINE = "CREATE TABLE item (key text PRIMARY KEY, value bigint);\n"
OPERATIONS = """\
-- name: put
INSERT INTO item VALUES (:key::text, :value::bigint) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
-- name: look
SELECT value FROM item WHERE key = :key::text;
-- name: items
SELECT key FROM item ORDER BY key;
"""
FILL = "-- name: fill\nCOPY item (key, value) FROM STDIN;\n"
MORE = "INSERT INTO item VALUES ('the last one', 0);\n"
REFUSED = "\n-- name: look\nSELECT 1 / 0 FROM item WHERE key = :key::text;\n"


@dataclass(frozen=True)
class Sizes:
    """The cardinality."""

    keys: int = 50


def burst(sizes: Sizes, writer: str, block: int, _: Random) -> Iterator[Call]:
    """Yield puts, or looks at the items of the background."""
    for number in count():
        key = f"key {number % sizes.keys}"
        if writer == "stream":
            yield Call("put", {"key": key, "value": block}, key=key)
        else:
            yield Call("look", {"key": key}, rows=0)


def replayed(_sizes: Sizes, lines: Iterator[str], _others: object, cycle: int) -> Iterator[Call]:
    """Yield a put for each line."""
    return (Call("put", {"key": line, "value": cycle}, key=line) for line in lines)


def background(sizes: Sizes, _: Random) -> Iterator[Call]:
    """Yield the items that are there before."""
    return (Call("put", {"key": f"key {number}", "value": number}) for number in range(sizes.keys))


WORKLOAD = Workload(
    name="shared",
    summary="a stream and a reader",
    cardinalities={"typical": Sizes()},
    writers=lambda _: (
        Writer(name="stream", kind="stream", weight=4),
        Writer(name="reader", kind="stream", weight=4),
    ),
    burst=burst,
    background=background,
    state=("items",),
)


@pytest.fixture
def links(server: Server, database: Database) -> Iterator[tuple[Link, Link]]:
    """Return the ends of a leader and a follower."""
    conninfo = server.conninfo_for(database.name)
    with closing(Link(conninfo, "test", 0)) as first, closing(Link(conninfo, "test", 1)) as second:
        yield first, second


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Return an experiment of one counted block."""
    return _plan(tmp_path, candidate=BASELINE)


def _plan(folder: Path, **candidates: str) -> Plan:
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    return Plan(
        found=laboratory.found(folder, WORKLOAD, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", {"baseline": BASELINE, **candidates}),
        clients=4,
        budget_s=0.0,
        precision=0.01,
        seed=1,
    )


def _one(connection: psycopg.Connection[TupleRow], query: LiteralString) -> Decimal:
    row = connection.execute(query).fetchone()
    assert row is not None
    return Decimal(row[0])


def _seat(number: int) -> Seat:
    return Seat(number=number, names=NAMES, run_id="test", folder="/nowhere")


def _together(server: Server, links: tuple[Link, Link], plan: Plan, other: Callable[[], None]) -> Experiment:
    """Lead an experiment while another thread does something else."""
    with ThreadPoolExecutor(1) as pool:
        following: Future[None] = pool.submit(other)
        with lead(plan, links[0], _seat(0)) as team:
            experiment = measure(plan, server, Silence(), team)
        following.result()
    return experiment


def test_messages_travel_both_ways_in_order(links: tuple[Link, Link]) -> None:
    first, second = links
    first.tell(Go(call_s=1, trial_s=2))
    first.tell(Compare(digest="größe 🎉"))
    second.tell(Here(process=PROCESS))

    assert second.hear(PATIENCE_S) == {"kind": "go", "topic": 0, "seat": 0, "call_s": 1, "trial_s": 2}
    assert second.hear(PATIENCE_S) == {"kind": "experiment", "topic": 0, "seat": 0, "digest": "größe 🎉"}
    assert first.hear(PATIENCE_S) == {"kind": "here", "topic": 0, "seat": 1, "process": PROCESS}
    assert first.hear(0.01) is None


def test_a_message_that_is_too_long_for_a_notification_arrives_whole(links: tuple[Link, Link]) -> None:
    first, second = links
    first.tell(Compare(digest="🎉" * 20_000))

    assert (second.hear(PATIENCE_S) or {})["digest"] == "🎉" * 20_000


def test_pieces_of_long_messages_that_arrive_together_are_not_mixed(links: tuple[Link, Link]) -> None:
    first, second = links
    told = [number * 30_000 for number in range(4)]
    for length in told:
        first.tell(Compare(digest="=" * length))
    second.connection.execute("SELECT 1")  # some are noted meanwhile, others while it waits

    assert [(second.hear(PATIENCE_S) or {})["digest"] for _ in told] == ["=" * length for length in told]


def test_a_long_message_is_written_to_no_table_and_no_log(links: tuple[Link, Link]) -> None:
    first, second = links
    text = "".join(f"{number:x} " for number in range(400_000))  # what a table would compress by little
    lsn = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
    size = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
    before, bytes_before = (_one(second.connection, query) for query in (lsn, size))
    first.tell(Compare(digest=text))

    assert (second.hear(PATIENCE_S) or {})["digest"] == text
    assert _one(second.connection, lsn) - before < len(text) / 10, "the server may log something of its own"
    assert _one(second.connection, size) == bytes_before


def test_a_message_that_arrives_during_a_statement_is_not_lost(links: tuple[Link, Link]) -> None:
    first, second = links
    first.tell(Calling())
    time.sleep(0.1)
    second.connection.execute("SELECT 1")

    assert (second.hear(PATIENCE_S) or {})["kind"] == Calling.kind


def test_what_is_about_an_earlier_experiment_is_not_heard(links: tuple[Link, Link]) -> None:
    first, second = links
    second.topic = 1
    second.tell(Here(process=PROCESS))
    first.topic = second.topic = 2
    second.tell(Gone(reason="now"))

    assert (first.hear(PATIENCE_S) or {})["reason"] == "now"


def test_what_is_about_a_later_experiment_ends_this_one_and_is_heard_then(links: tuple[Link, Link]) -> None:
    first, second = links
    first.topic = 1
    first.tell(Calling())

    assert (second.hear(PATIENCE_S) or {})["kind"] == Over.kind
    second.topic = 1
    assert (second.hear(PATIENCE_S) or {})["kind"] == Calling.kind


def test_a_worker_that_hangs_up_is_lost_and_one_that_never_came_is_not(links: tuple[Link, Link]) -> None:
    first, second = links

    assert first.lost() == frozenset()
    assert first.present() == {0, 1}
    second.close()
    waiting.until(first.lost)

    assert first.lost() == {1}
    assert first.present() == {0}


def test_a_worker_has_stalled_once_none_of_its_sessions_has_done_anything_for_a_while(
    server: Server, links: tuple[Link, Link]
) -> None:
    first, _ = links
    conninfo = with_words(server.conninfo, application_name=link.session_name("test", 1))
    with psycopg.connect(conninfo) as idle, psycopg.connect(conninfo) as busy, ThreadPoolExecutor(1) as pool:
        idle.execute("SELECT 1")  # and stays in its transaction, as who is stopped in the middle of one
        waiting.until(lambda: first.still_s(1) >= 0.5)
        asleep = pool.submit(busy.execute, "SELECT pg_sleep(600)")
        try:
            waiting.until(lambda: first.still_s(1) < 0.1)
            time.sleep(0.5)
            assert first.still_s(1) < 0.1, "it is at work for as long as it executes something"
        finally:
            busy.cancel()
        with pytest.raises(psycopg.errors.QueryCanceled):
            asleep.result()

    assert first.still_s(2) == 0


def test_a_worker_that_beats_has_not_stalled(links: tuple[Link, Link]) -> None:
    first, second = links
    waiting.until(lambda: first.still_s(1) >= 0.5)
    second.beat()

    assert first.still_s(1) < 0.5


def test_a_leader_shows_that_it_is_at_work_every_few_seconds_however_often_it_is_asked(
    links: tuple[Link, Link], plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[float] = []
    monkeypatch.setattr(links[0], "beat", lambda: beats.append(time.monotonic()))
    monkeypatch.setattr(leader, "BEAT_S", 0.2)
    team, until_s = Leader(plan, links[0], _seat(0)), time.monotonic() + 30.0
    while len(beats) < 4 and time.monotonic() < until_s:
        team.beat()

    assert len(beats) == 4
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(beats))


def test_two_workers_go_on_together_on_new_copies_of_the_databases(
    server: Server, links: tuple[Link, Link], plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Copies, "due", lambda _, measured, __: measured.executed % 3 == 1)  # so after the first block
    plan = replace(plan, budget_s=2.0, lead_in=0.5)
    experiment = _together(server, links, plan, lambda: follow(plan, links[1], _seat(1)))

    assert experiment.copies > 1
    for one in experiment.candidates:
        assert one.status == "ranked"
        assert len(one.trials[-1].busy_shares) == len(NAMES)
        assert sum(latency.count for latency in one.latencies) == experiment.blocks * experiment.operations


def test_two_workers_execute_every_call_once(server: Server, links: tuple[Link, Link], plan: Plan) -> None:
    experiment = _together(server, links, plan, lambda: follow(plan, links[1], _seat(1)))

    assert list(experiment.workers) == list(NAMES)
    for one in experiment.candidates:
        assert one.status == "ranked"
        counted = [trial for trial in one.trials if not trial.warmup]
        assert {latency.operation for latency in one.latencies} == {"put", "look"}
        assert sum(latency.count for latency in one.latencies) == sum(trial.operations for trial in counted)
        assert all(trial.writers_s.keys() == {"stream", "reader"} for trial in one.trials)


def test_settings_are_those_of_every_worker_and_told_where_workers_differ(
    server: Server, links: tuple[Link, Link], plan: Plan
) -> None:
    only = replace(WORKLOAD, writers=lambda _: (Writer(name="stream", kind="stream", weight=4),))
    plan = replace(plan, found=replace(plan.found, workload=only))

    def follow_with_others() -> None:
        words = with_words(links[1].conninfo, options="-c work_mem=23MB")
        with closing(Link(words, "test", 1)) as other:
            follow(plan, other, _seat(1))

    links[1].close()
    experiment = _together(server, links, plan, follow_with_others)
    shown = {one.name: (one.value, one.source) for one in experiment.settings}
    (notice,) = [one for one in experiment.notices if one.code == "mixed-settings"]

    assert shown["work_mem"] == ("4MB (worker gw0), 23MB (worker gw1)", "default, environment or DSN")
    assert shown["deadlock_timeout"] == ("20ms", "--postgres-setting")
    assert notice.text.endswith("different settings: work_mem 4MB (worker gw0), 23MB (worker gw1)")
    assert {one.settings for one in experiment.candidates} == {()}, "all have them alike"


def test_two_workers_keep_a_pace_together_even_if_their_calls_are_far_apart(
    server: Server, links: tuple[Link, Link], plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stalling, "STALL_S", 0.5)
    workload = replace(WORKLOAD, production_s=lambda _: 2.0)
    plan = replace(plan, found=replace(plan.found, workload=workload), adequacy_s=2.0)

    experiment = _together(server, links, plan, lambda: follow(plan, links[1], _seat(1)))

    for one in experiment.candidates:
        assert one.adequacy is not None
        assert one.adequacy.keeps_up
        assert {latency.operation: latency.count for latency in one.adequacy.responses} == {"put": 4, "look": 4}
        counted = [trial for trial in one.trials if not trial.warmup]
        assert sum(latency.count for latency in one.latencies) == sum(trial.operations for trial in counted)


def test_nobody_loads_a_trial_while_another_worker_executes_the_one_before(
    server: Server, links: tuple[Link, Link], plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    leading, executed, load = get_ident(), leader.execute, Sessions.load
    clock: list[tuple[float, float]] = []
    loaded: list[float] = []

    def slowly(*args: Any) -> tuple[Part, Samples]:  # noqa: ANN401 (handed on)
        begun_s = time.monotonic()
        time.sleep(0.1)  # the follower is done by then
        try:
            return executed(*args)
        finally:
            clock.append((begun_s, time.monotonic()))

    def noted(self: Sessions, burst: Burst) -> Loaded:
        if get_ident() != leading:
            loaded.append(time.monotonic())
        return load(self, burst)

    monkeypatch.setattr(leader, "execute", slowly)
    monkeypatch.setattr(Sessions, "load", noted)
    _together(server, links, replace(plan, burst=8), lambda: follow(plan, links[1], _seat(1)))

    assert len(loaded) == len(clock) > len(plan.candidates)
    assert not [at_s for at_s in loaded for begun_s, ended_s in clock if begun_s < at_s < ended_s]


def test_a_leader_that_feeds_one_copy_for_long_is_not_taken_for_stopped(
    server: Server, links: tuple[Link, Link], plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session waits for it, and all others are idle."""

    def rows() -> Iterator[tuple[object, ...]]:
        for number in range(5_000):
            if number % 1_000 == 500:
                time.sleep(0.5)
            yield f"key {number}", number

    for name in ("STALL_S", "IDLE_STALL_S"):
        monkeypatch.setattr(stalling, name, 1.5)
    monkeypatch.setattr(leader, "BEAT_S", 0.1)
    workload = replace(WORKLOAD, background=lambda *_: iter([Rows("fill", ("key", "value"), rows())]))
    plan = replace(plan, found=laboratory.found(tmp_path, workload, OPERATIONS + FILL))

    experiment = _together(server, links, plan, lambda: follow(plan, links[1], _seat(1)))

    assert {one.status for one in experiment.candidates} == {"ranked"}


def test_a_leader_that_compares_rows_for_long_is_not_taken_for_stopped(
    server: Server, links: tuple[Link, Link], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sessions wait for it, or have sent all rows."""
    rows = states._rows

    def slowly(*asked: Any) -> Iterator[str]:  # noqa: ANN401 (handed on)
        for row in rows(*asked):
            time.sleep(0.05)
            yield row

    for name in ("STALL_S", "IDLE_STALL_S"):
        monkeypatch.setattr(stalling, name, 1.5)
    monkeypatch.setattr(leader, "BEAT_S", 0.1)
    monkeypatch.setattr(states, "_rows", slowly)
    plan = _plan(tmp_path, other=BASELINE + MORE)

    experiment = _together(server, links, plan, lambda: follow(plan, links[1], _seat(1)))

    found = {one.name: one for one in experiment.candidates}
    assert (found["baseline"].status, found["other"].status) == ("ranked", "disqualified")
    assert "row 51: expected none, found the last one" in found["other"].reason


@pytest.mark.parametrize("pausing", ["stream", pytest.param("reader", marks=pytest.mark.thorough)])
def test_a_worker_whose_calls_pause_for_long_is_not_taken_for_stopped(
    server: Server, links: tuple[Link, Link], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pausing: str
) -> None:
    def pauses(sizes: Sizes, writer: str, block: int, random: Random) -> Iterator[Call]:
        for number, call in enumerate(burst(sizes, writer, block, random)):
            thinks_ms = 800 if writer == pausing and not number else 0
            yield call._replace(values={**call.values, "think": thinks_ms})

    monkeypatch.setattr(stalling, "STALL_S", 0.3)
    text = OPERATIONS.replace("INSERT", "-- pause: :think ms\nINSERT").replace(
        "SELECT v", "-- pause: :think ms\nSELECT v"
    )
    plan = _plan(tmp_path, candidate=BASELINE)
    workload = replace(WORKLOAD, burst=pauses, background=lambda *_: iter(()))
    plan = replace(plan, found=laboratory.found(tmp_path, workload, text), burst=8)

    experiment = _together(server, links, plan, lambda: follow(plan, links[1], _seat(1)))

    assert {one.status for one in experiment.candidates} == {"ranked"}
    assert min(trial.duration_s for trial in experiment.candidates[0].trials) > 0.8


def test_a_follower_that_comes_before_the_leader_or_after_it_takes_part(
    server: Server, links: tuple[Link, Link], plan: Plan
) -> None:
    def late() -> None:
        time.sleep(0.3)
        follow(plan, links[1], _seat(1))

    assert _together(server, links, plan, late).blocks == 1


def test_workers_replay_a_file_together_each_its_own_lines(
    server: Server, links: tuple[Link, Link], plan: Plan, tmp_path: Path
) -> None:
    path = tmp_path / "keys.csv"
    path.write_text("".join(f"line {number}\n" for number in range(300)), encoding="utf-8")
    workload = replace(WORKLOAD, replay=Replay(writer="stream", columns="key", parse=str, calls=replayed))
    plan = replace(plan, found=replace(plan.found, workload=workload), inputs={"shared": path})

    experiment = _together(server, links, plan, lambda: follow(plan, links[1], _seat(1)))

    assert experiment.replay == {"shared": "keys.csv"}
    assert {one.status for one in experiment.candidates} == {"ranked"}, "all entries hold the same rows"
    (latency,) = (latency for latency in experiment.candidates[0].latencies if latency.operation == "put")
    assert latency.count == experiment.blocks * experiment.rows


def test_a_candidate_that_is_refused_to_the_follower_alone_leaves(
    server: Server, links: tuple[Link, Link], tmp_path: Path
) -> None:
    plan = _plan(tmp_path / "refused", wrong=BASELINE + REFUSED)

    experiment = _together(server, links, plan, lambda: follow(plan, links[1], _seat(1)))

    found = {one.name: one for one in experiment.candidates}
    assert (found["baseline"].status, found["wrong"].status) == ("ranked", "failed")
    assert "division by zero" in found["wrong"].reason
    assert "refused on the worker gw1" in found["wrong"].reason


@pytest.mark.parametrize(
    "case",
    [
        ("SELECT pg_sleep(60), :key::text;", 0.3, "A call of 'look' under the candidate 'slow' timed out after"),
        ("SELECT pg_sleep(0.1), :key::text;", 1.0, "A trial of 'slow' was cut short after 2.0"),
    ],
)
def test_a_candidate_that_takes_too_long_in_the_follower_leaves_and_the_others_go_on(
    server: Server, links: tuple[Link, Link], tmp_path: Path, case: tuple[str, float, str]
) -> None:
    candidate, call_s, words = case
    plan = _plan(tmp_path / "slow", slow=f"{BASELINE}\n-- name: look\n{candidate}\n", same=BASELINE)
    plan = replace(plan, call_timeout_s=call_s, burst=80)

    experiment = _together(server, links, plan, lambda: follow(plan, links[1], _seat(1)))

    found = {one.name: one for one in experiment.candidates}
    assert [found[name].status for name in ("baseline", "same", "slow")] == ["ranked", "ranked", "failed"]
    assert words in found["slow"].reason


def test_workers_whose_bursts_differ_are_refused(server: Server, links: tuple[Link, Link], plan: Plan) -> None:
    def otherwise(sizes: Sizes, writer: str, block: int, random: Random) -> Iterator[Call]:
        first = next(calls := burst(sizes, writer, block, random))
        yield next(calls)
        yield first
        yield from calls

    other = replace(plan, found=replace(plan.found, workload=replace(WORKLOAD, burst=otherwise)))

    with pytest.raises(
        WorkloadError, match="The burst of warm-up block 1 is not the same in the workers gw0 and gw1"
    ) as caught:
        _together(server, links, plan, lambda: follow(other, links[1], _seat(1)))
    assert "sorted" in caught.value.remedies[0]


def test_a_follower_with_other_files_is_refused_on_both_sides(
    server: Server, links: tuple[Link, Link], plan: Plan, tmp_path: Path
) -> None:
    other = _plan(tmp_path / "other", candidate=BASELINE + "-- more\n")

    def differ() -> None:
        with pytest.raises(UsageError, match="options of shared typical differ between workers"):
            follow(other, links[1], _seat(1))

    with pytest.raises(WorkerError, match=r"gw1 gave up .*differ between workers"):
        _together(server, links, plan, differ)


def test_a_follower_that_leaves_ends_the_experiment_with_its_reason(
    server: Server, links: tuple[Link, Link], plan: Plan
) -> None:
    with pytest.raises(WorkerError, match=r"gw1 gave up .*: no disk") as caught:
        _together(server, links, plan, lambda: links[1].tell(Gone(reason="no disk")))

    assert not caught.value.worker, "it is still there"


def test_a_follower_that_speaks_out_of_turn_ends_the_experiment_with_words(
    server: Server, links: tuple[Link, Link], plan: Plan
) -> None:
    def hurry() -> None:
        links[1].tell(Here(process=PROCESS))
        links[1].tell(HandedOver())

    with pytest.raises(WorkerError, match=r"following worker gw1 sent 'handed over' in the state 'joining'") as caught:
        _together(server, links, plan, hurry)

    assert caught.value.worker == "gw1"


def test_a_leader_that_speaks_out_of_turn_is_left(links: tuple[Link, Link], plan: Plan) -> None:
    first, second = links
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, plan, second, _seat(1))
        assert (first.hear(PATIENCE_S) or {})["kind"] == Here.kind
        first.tell(Leave())

        with pytest.raises(WorkerError, match=r"leading worker gw0 sent 'leave' in the state 'here'"):
            following.result(timeout=PATIENCE_S)
    assert "'leave'" in (first.hear(PATIENCE_S) or {})["reason"], "it says why it goes"


def test_a_follower_that_dies_is_named_with_the_trial(server: Server, links: tuple[Link, Link], plan: Plan) -> None:
    class Dying(Follower):
        def _execute(self, _: object) -> None:
            self._link.close()
            raise psycopg.OperationalError("closed")

    def die() -> None:
        with closing(Dying(plan, links[1], _seat(1))) as dying, pytest.raises(psycopg.OperationalError):
            dying.follow()

    with pytest.raises(
        WorkerError, match=r"gw1 was lost while executing the trial of .* in warm-up block 1:"
    ) as caught:
        _together(server, links, plan, die)

    assert caught.value.worker == "gw1"


def test_a_follower_that_never_comes_is_given_up(
    server: Server, links: tuple[Link, Link], plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader, "JOIN_LIMIT_S", 0.5)

    with pytest.raises(WorkerError, match=r"gw1 did not answer within 0\.5 s while joining the experiment") as caught:
        _together(server, links, plan, lambda: None)

    assert caught.value.worker == "gw1"


def test_a_follower_that_connects_for_long_is_not_given_up(
    server: Server, links: tuple[Link, Link], plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Far(Follower):
        def _entered(self, *args: Any, **more: Any) -> Entrant:  # noqa: ANN401 (handed on)
            time.sleep(0.5)
            return super()._entered(*args, **more)

    def follow_from_afar() -> None:
        with closing(Far(plan, links[1], _seat(1))) as far:
            far.follow()

    monkeypatch.setattr(leader, "JOIN_LIMIT_S", 1.0)

    assert _together(server, links, plan, follow_from_afar).blocks == 1


def test_a_follower_that_stops_while_it_connects_is_given_up(
    server: Server, links: tuple[Link, Link], plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader, "JOIN_LIMIT_S", 0.5)

    told = r"gw1 was stopped while joining .*none of the sessions of process 7 on load2 has done anything for 0\.5 s"
    with pytest.raises(WorkerError, match=told) as caught:
        _together(server, links, plan, lambda: links[1].tell(Here(process=PROCESS)))

    assert caught.value.worker == "gw1"


def test_a_follower_whose_leader_dies_says_so(links: tuple[Link, Link], plan: Plan) -> None:
    first, second = links
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, plan, second, _seat(1))
        assert (first.hear(PATIENCE_S) or {})["kind"] == Here.kind
        first.tell(Calling())
        assert (first.hear(PATIENCE_S) or {})["kind"] == Here.kind
        first.close()

        with pytest.raises(WorkerError, match="leading worker gw0 was lost while") as caught:
            following.result(timeout=PATIENCE_S)

    assert caught.value.worker == "gw0"


def test_a_leader_that_stands_still_before_the_first_block_is_given_up(
    links: tuple[Link, Link], plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STALL_S", "IDLE_STALL_S"):
        monkeypatch.setattr(stalling, name, 1.0)

    told = f"leading worker gw0 was stopped while beginning: none of the sessions of {machine.this_process()} has"
    with pytest.raises(WorkerError, match=told):
        follow(plan, links[1], _seat(1))


def test_a_leader_that_is_seen_to_be_suspended_is_given_up_outside_of_blocks_as_within(
    links: tuple[Link, Link], plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stalling, "STALL_S", 1.0)
    insert = "INSERT INTO leader (place, pid, process) VALUES (%s, %s, 'it')"
    with programs.start(["/bin/sleep", "60"]) as leading:
        leading.send_signal(signal.SIGSTOP)
        links[0].connection.execute(insert, [machine.processes(), leading.pid])
        with pytest.raises(WorkerError, match="leading worker gw0 was stopped while beginning"):
            follow(plan, links[1], _seat(1))

        links[0].connection.execute(insert, ["elsewhere", leading.pid])
        assert not links[1].leader_is_suspended(), "a process of that number here is another"


SUSPENDED = """
import os, signal, sys
from pathlib import Path
from schemabench import machine

folder = Path(sys.argv[1])
if child := os.fork():
    (folder / "pid").write_text(str(child))
    os.waitpid(child, os.WUNTRACED)
else:
    machine.continue_without_parent()
    os.kill(os.getpid(), signal.SIGSTOP)
    (folder / "it went on").touch()
"""
"""Ends when its child is suspended."""


def test_a_worker_that_is_suspended_goes_on_when_its_parent_has_ended(tmp_path: Path) -> None:
    programs.run([sys.executable, "-c", SUSPENDED, tmp_path], check=True)
    try:
        waiting.until((tmp_path / "it went on").exists)
    finally:
        with suppress(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), signal.SIGKILL)


def test_an_experiment_that_fails_before_anybody_joined_lets_the_followers_go(
    links: tuple[Link, Link], plan: Plan
) -> None:
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, plan, links[1], _seat(1))
        with pytest.raises(ServerError, match="full"), lead(plan, links[0], _seat(0)):
            raise ServerError("full")

        following.result(timeout=PATIENCE_S)


def test_workers_find_each_other_by_a_file_of_the_users_own(server: Server, tmp_path: Path) -> None:
    seats = [replace(_seat(number), folder=str(tmp_path)) for number in (0, 1)]
    with ExitStack() as stack:
        host, guest = (Meeting(seat, "embedded", stack) for seat in seats)
        first = host.host(lambda: server, 3)
        second = guest.join(3)
        assert second is not None
        second.tell(Here(process=PROCESS))

        assert (tmp_path / "leader.json").stat().st_mode & 0o777 == 0o600
        assert (first.hear(PATIENCE_S) or {})["kind"] == Here.kind


def test_what_a_follower_says_is_heard_though_it_reached_the_database_before_the_leader(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    conninfo = server.conninfo_for(database.name)
    monkeypatch.setattr(meeting, "await_address", lambda *_: conninfo)
    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        guest = Meeting(_seat(1), "embedded", stack)
        coming = pool.submit(guest.join, 1)
        with pytest.raises(TimeoutError):
            coming.result(timeout=0.3)
        with closing(Link(conninfo, "test", 0)) as first:
            second = coming.result(timeout=PATIENCE_S)
            assert second is not None
            first.topic = 1
            second.tell(Gone(reason="skipped"))

            assert (first.hear(PATIENCE_S) or {})["reason"] == "skipped"


def test_a_leader_that_passes_an_experiment_over_lets_the_others_pass_it_over_too(tmp_path: Path) -> None:
    seats = [replace(_seat(number), folder=str(tmp_path)) for number in (0, 1)]
    with ExitStack() as stack:
        host, guest = (Meeting(seat, "embedded", stack) for seat in seats)
        host.dismiss(2)

        assert guest.join(1) is None
        assert guest.join(2) is None


def test_followers_hear_why_there_is_no_server(tmp_path: Path) -> None:
    def refuse() -> Server:
        raise ServerError("no room")

    seats = [replace(_seat(number), folder=str(tmp_path)) for number in (0, 1)]
    with ExitStack() as stack:
        host, guest = (Meeting(seat, "embedded", stack) for seat in seats)
        with pytest.raises(ServerError, match="no room"):
            host.host(refuse, 1)

        with pytest.raises(WorkerError, match="leading worker gw0 cancelled the run: no room"):
            guest.join(1)


def test_a_follower_on_another_machine_needs_a_server_that_all_reach(tmp_path: Path) -> None:
    with ExitStack() as stack:
        guest = Meeting(replace(_seat(1), folder=str(tmp_path / "elsewhere")), "embedded", stack)

        with pytest.raises(UsageError, match="gw1 is on another machine"):
            guest.join(1)


def test_warm_up_is_left_out_of_what_a_follower_hands_over(
    server: Server, links: tuple[Link, Link], plan: Plan
) -> None:
    experiment = _together(server, links, plan, lambda: follow(plan, links[1], _seat(1)))
    (first, *_) = experiment.candidates

    assert len(first.trials) == experiment.warmup_blocks + experiment.blocks
    assert experiment.blocks == 1
    looks = next(latency.count for latency in first.latencies if latency.operation == "look")
    assert looks == first.trials[-1].operations // 2
