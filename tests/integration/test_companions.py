"""Companions on a real server: what they hold, how they are shown, and what happens when they end."""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from itertools import count, repeat
from pathlib import Path
from random import Random
from threading import Event, Thread

import psycopg
import pytest
from laboratory import Laboratory, amount, result

from schemabench import Call, Companion, Writer
from schemabench.errors import CandidateError, ServerError, WorkloadError
from schemabench.experiment import Plan
from schemabench.experiment.team import Team
from schemabench.records import CompanionFigures, Experiment
from schemabench.server import Database, Server
from schemabench.workers.follower import follow
from schemabench.workers.leader import lead
from schemabench.workers.link import Link
from schemabench.workers.seat import Seat

ITEMS = """\
CREATE TABLE item (id bigint PRIMARY KEY, value bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO item SELECT id, 0 FROM generate_series(1, 200) AS id;
"""
OPERATIONS = """\
-- name: change
UPDATE item SET value = value + 1 WHERE id = :id::bigint;
-- name: snapshot
SELECT count(*) FROM item;
-- name: scan
SELECT sum(value) FROM item WHERE id > :least::bigint;
-- name: lock_some
SELECT id FROM item WHERE id <= 20 FOR UPDATE;
SELECT pg_sleep(0.01);
-- name: checkpoint
CHECKPOINT;
-- name: whole_table
LOCK TABLE item IN ACCESS EXCLUSIVE MODE;
-- name: broken
SELECT 1 / count(*) FROM item WHERE id < 0;
"""
WRITERS = [Writer(name="stream", kind="stream", weight=20, clients=2)]
HOLDER = Companion(name="holder", operation="snapshot", holds=True, isolation="repeatable read")
READER = Companion(
    name="reader", operation="scan", values=lambda random: ({"least": random.randrange(100)} for _ in count())
)


@pytest.fixture
def laboratory(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """Return where experiments are made."""
    return Laboratory(server=server, folders=tmp_path_factory)


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield changes of random items."""
    while True:
        yield Call("change", {"id": random.randint(1, 200)}, rows=1)


def measured(
    laboratory: Laboratory, *companions: Companion, without: bool = False, budget_s: float = 0.6, calls: int = 400
) -> Experiment:
    """Measure changes of items beside some companions."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": ITEMS},
        writers=WRITERS,
        burst=burst,
        budget_s=budget_s,
        calls=calls,
        companions=companions,
        without_companions=without,
    )


def figures(experiment: Experiment, name: str) -> CompanionFigures:
    """Return what a companion did beside the baseline's trials."""
    (found,) = [one for one in result(experiment, "baseline").companions if one.companion == name]
    return found


def test_a_held_snapshot_keeps_dead_rows_that_vacuum_would_remove_without_it(laboratory: Laboratory) -> None:
    held, free = (measured(laboratory, HOLDER, without=without) for without in (False, True))

    changes = sum(trial.rows for trial in result(held, "baseline").trials)

    assert amount(held, "baseline", "dead_rows_left") >= changes
    assert amount(held, "baseline", "dead_rows_left") > 2 * amount(free, "baseline", "dead_rows_left")
    assert amount(held, "baseline", "table_size") > amount(free, "baseline", "table_size")
    assert [one.name for one in held.companions] == ["holder"]
    assert free.companions == ()
    assert free.without_companions == ("holder",)
    assert figures(held, "holder").executions == 0


def test_a_reader_without_end_is_counted_apart_from_the_writers(laboratory: Laboratory) -> None:
    experiment = measured(laboratory, READER)
    reader = figures(experiment, "reader")

    assert reader.executions > experiment.blocks
    assert reader.p50_ns
    assert {one.operation for one in result(experiment, "baseline").latencies} == {"change"}
    assert all(set(trial.calls) == {"change"} for trial in result(experiment, "baseline").trials)
    assert all(trial.operations == 400 for trial in result(experiment, "baseline").trials)
    (text,) = [one.text for one in experiment.notices if one.code == "companions-in-totals"]
    assert "companions included: reader" in text
    assert amount(experiment, "baseline", "seq_scans") == 1, "a change scans the table, and its reader is not counted"


def test_a_companion_that_holds_a_lock_is_named_as_what_writers_wait_for(laboratory: Laboratory) -> None:
    experiment = measured(laboratory, Companion(name="locker", operation="lock_some"))
    contention = result(experiment, "baseline").contention

    assert contention is not None
    assert ("change", "locker") in {(one.waiting, one.blocking) for one in contention.pairs}
    assert figures(experiment, "locker").lock_share is not None


def test_a_checkpoint_is_executed_at_its_pace_in_the_time_of_trials(laboratory: Laboratory) -> None:
    experiment = measured(laboratory, Companion(name="checkpoint", operation="checkpoint", every_s=0.1), budget_s=2)
    every_s, trials = figures(experiment, "checkpoint").every_s, result(experiment, "baseline").trials
    lasted_s = sum(trial.duration_s for trial in trials if not trial.warmup)

    assert every_s is not None
    assert every_s * (1 + 0.2 / lasted_s) >= 0.1
    assert figures(experiment, "checkpoint").executions > 1


def test_a_statement_that_lasts_longer_than_trials_is_cancelled_and_prolongs_none(laboratory: Laboratory) -> None:
    operations = OPERATIONS.replace(
        "SELECT sum(value) FROM item WHERE", "SELECT pg_sleep(5) FROM item WHERE id = 1 AND"
    )
    experiment = laboratory.rank(
        operations=operations,
        candidates={"baseline": ITEMS},
        writers=WRITERS,
        burst=burst,
        budget_s=0.6,
        calls=400,
        companions=[Companion(name="reader", operation="scan", values=lambda _: ({"least": 0} for _ in count()))],
    )
    reader = figures(experiment, "reader")

    assert reader.executions == 0
    assert reader.cut >= experiment.blocks
    assert all(trial.duration_s < 5 for trial in result(experiment, "baseline").trials)
    assert "idle-companion" in {notice.code for notice in experiment.notices}


@pytest.mark.parametrize("victim", [HOLDER, READER, Companion(name="rare", operation="snapshot", every_s=600)])
def test_a_companion_whose_session_is_ended_ends_the_experiment_with_its_name(
    laboratory: Laboratory, victim: Companion
) -> None:
    over = Event()
    killer = Thread(target=kill, args=(laboratory.server, victim.operation, over))
    killer.start()
    try:
        with pytest.raises(ServerError) as failure:
            measured(laboratory, victim, budget_s=30)
    finally:
        over.set()
        killer.join()

    said = str(failure.value)
    assert f"The companion {victim.name!r} ended under the candidate 'baseline'" in said
    assert re.search(ENDED, said)
    assert "find out in the server's log what ended its session" in said
    assert "--without-companions" in said


ENDED = "terminating connection due to administrator command|server closed the connection|prepared query failed"
"""What libpq says, by when it is told."""
WORKING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '/* change */%' AND datname LIKE '%baseline%'"
END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname LIKE '%%baseline%%' AND (query LIKE %s OR query LIKE 'SET track_counts%%')
"""
"""One that has not executed anything yet has last sent a setting."""


def kill(server: Server, operation: str, over: Event) -> None:
    """End the sessions that execute an operation, or that did so last, once there are trials."""
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        while not over.wait(0.1):
            with suppress(psycopg.Error):
                working = connection.execute(WORKING).fetchone()
                if working and working[0]:
                    connection.execute(END, [f"/* {operation} */%"])


def test_a_statement_that_the_server_refuses_is_told_with_its_companion(laboratory: Laboratory) -> None:
    with pytest.raises(Exception, match="division by zero") as failure:
        measured(laboratory, Companion(name="report", operation="broken"))

    assert "executed by the companion 'report'" in str(failure.value)


def test_an_exclusive_lock_that_is_held_is_told_instead_of_waited_for(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemabench.load.session.PREPARED_WITHIN_S", 0.5)
    monkeypatch.setattr("schemabench.monitor.counters.LOCK_LIMIT_S", 0.5)
    owner = Companion(name="owner", operation="whole_table", holds=True)
    for calls, words in ((400, "The sizes of tables of the candidate"), (0, "'change' could not be prepared")):
        with pytest.raises(CandidateError, match=words) as caught:
            measured(laboratory, owner, calls=calls)
        assert "a companion that holds its transaction" in str(caught.value)


def test_values_that_are_no_parameters_are_told(laboratory: Laboratory) -> None:
    wrong = Companion(name="x", operation="scan", values=lambda _: repeat("5"))  # type: ignore[arg-type,return-value] # the mistake
    with pytest.raises(WorkloadError, match="companion 'x' yields '5', not the value of each parameter"):
        measured(laboratory, wrong)


def test_a_candidate_may_leave_out_what_a_companion_does(laboratory: Laboratory) -> None:
    experiment = laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": ITEMS, "without_scan": ITEMS + "-- name: scan\n-- nothing\n"},
        writers=WRITERS,
        burst=burst,
        budget_s=0.6,
        calls=400,
        companions=[READER],
    )

    assert figures(experiment, "reader").executions
    assert result(experiment, "without_scan").companions == ()


def test_nothing_is_left_of_companions_after_an_experiment(laboratory: Laboratory) -> None:
    measured(laboratory, HOLDER, READER)

    with psycopg.connect(laboratory.server.conninfo) as connection:
        left = connection.execute(
            "SELECT query FROM pg_stat_activity WHERE query LIKE '%/* scan */%' OR query LIKE '%/* snapshot */%'"
        ).fetchall()
    assert [one for (one,) in left if "pg_stat_activity" not in one] == []


def test_databases_are_not_copied_while_a_transaction_is_held(laboratory: Laboratory) -> None:
    held, read = (measured(laboratory, one, budget_s=3, calls=100) for one in (HOLDER, READER))

    assert held.copies == 1
    assert "holder must hold a transaction open" in " ".join(
        one.text for one in held.notices if one.code == "not-copied"
    )
    assert not [one for one in read.notices if one.code == "not-copied"]
    assert read.copies > 1
    assert figures(read, "reader").executions > read.blocks


def test_two_workers_have_the_companions_of_one(server: Server, database: Database, laboratory: Laboratory) -> None:
    conninfo = server.conninfo_for(database.name)
    with (
        closing(Link(conninfo, "test", 0)) as first,
        closing(Link(conninfo, "test", 1)) as second,
        ExitStack() as stack,
    ):
        pool = stack.enter_context(ThreadPoolExecutor(1))
        following: list[Future[None]] = []

        def team(plan: Plan) -> Team:
            seats = [Seat(number=number, names=("gw0", "gw1"), run_id="test", folder="/nowhere") for number in range(2)]
            following.append(pool.submit(follow, plan, second, seats[1]))
            return stack.enter_context(lead(plan, first, seats[0]))

        experiment = laboratory.rank(
            operations=OPERATIONS,
            candidates={"baseline": ITEMS},
            writers=WRITERS,
            burst=burst,
            budget_s=0.6,
            calls=400,
            companions=[READER, HOLDER],
            team=team,
        )
    following[0].result()

    assert list(experiment.workers) == ["gw0", "gw1"]
    assert figures(experiment, "reader").executions > experiment.blocks


PAGE = Path(__file__).parents[2] / "docs" / "companions.md"
JOBS = "CREATE TABLE job (id bigserial PRIMARY KEY, site int NOT NULL, done_at timestamptz);\n"
ADD = "-- name: add\nINSERT INTO job (site) VALUES (1);\n"


def test_the_examples_of_the_page_are_executed(laboratory: Laboratory) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (code,), (operations,) = (re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "sql"))
    known = {"count": count}
    exec(compile(code, str(PAGE), "exec"), known)  # noqa: S102 (the page's own code)
    experiment = laboratory.rank(
        operations=operations + ADD,
        candidates={"baseline": JOBS},
        writers=WRITERS,
        burst=lambda *_: repeat(Call("add", {})),
        budget_s=0.6,
        calls=400,
        companions=known["COMPANIONS"],
    )

    assert [one.name for one in experiment.companions] == ["old_snapshot", "report", "checkpoint"]
    assert figures(experiment, "report").executions


def test_a_companion_that_changes_what_is_compared_is_told_where_states_cannot_be_compared(
    laboratory: Laboratory,
) -> None:
    busy = Companion(name="busy", operation="change", values=lambda _: ({"id": 1} for _ in count()))
    experiment = laboratory.rank(
        operations=f"{OPERATIONS}-- name: items\nSELECT id, value FROM item ORDER BY id;\n",
        candidates={"baseline": ITEMS},
        writers=WRITERS,
        burst=burst,
        budget_s=0.5,
        calls=400,
        companions=(busy,),
        state=("items",),
    )

    (text,) = [one.text for one in experiment.notices if one.code == "state-not-comparable"]
    assert "let companions change no rows that `state` returns" in text
