"""Experiments from plan to record on a real server: who is ranked, who is not and why, and what is left behind."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

import laboratory
import psycopg
import pytest
from made_up import WARMUP_BLOCKS

from schemabench import Call, Workload, Writer, candidate, workload
from schemabench.errors import CandidateError, ServerError, WorkloadError
from schemabench.experiment import Plan, agreement, entrant, filling, gates, measure, sizing
from schemabench.experiment.entrant import CONTROL, Entrant
from schemabench.monitor import counters
from schemabench.progress import Shown, Silence
from schemabench.records import TIME_CLASSES, CandidateResult, Experiment
from schemabench.server import Server, several

ROOT = Path(__file__).parents[2]
LOOKS_THAT_SEE = 20
"""With fewer, all may fall between two statements: a warm-up may be one short glance."""
OPERATIONS = """\
-- name: put
INSERT INTO item (key, value) VALUES (:key::text, :value::bigint)
ON CONFLICT (key) DO UPDATE SET value = greatest(item.value, excluded.value);
-- name: move
UPDATE item SET value = value + 1 WHERE key = :source::text;
UPDATE item SET value = value - 1 WHERE key = :target::text;
-- name: look
SELECT * FROM item WHERE key = :key::text;
-- name: items
SELECT key, value FROM item ORDER BY key COLLATE "C";
-- name: empty_keys
SELECT * FROM item WHERE key = '';
"""
BASELINE = "CREATE TABLE item (key text PRIMARY KEY, value bigint);\n"


@dataclass(frozen=True)
class Shop:
    """The cardinality."""

    keys: int = 20


def _key(random: Random, shop: Shop) -> str:
    return f"größe\n{random.randrange(shop.keys)} 🎉"


def burst(shop: Shop, writer: str, block: int, random: Random) -> Iterator[Call]:
    """Yield puts and moves, or looks."""
    for number in count():
        if writer == "reader":
            yield Call("look", {"key": _key(random, shop)}, rows=0)
        elif number % 4:
            key = _key(random, shop)
            yield Call("put", {"key": key, "value": block * 100 + number}, key="one")
        else:
            yield Call("move", {"source": _key(random, shop), "target": _key(random, shop)}, key="one", rows=2)


def background(shop: Shop, _: Random) -> Iterator[Call]:
    """Yield the items that are there before."""
    return (Call("put", {"key": f"old {number}", "value": number}) for number in range(shop.keys))


SHOP = Workload(
    name="shop",
    summary="a made-up shop",
    cardinalities={"typical": Shop()},
    writers=lambda _: (
        Writer(name="stream", kind="stream", weight=8, clients=2),
        Writer(name="reader", kind="reader", weight=4),
    ),
    burst=burst,
    background=background,
    state=("items",),
    invariants=("empty_keys",),
)


class Watcher(Silence):
    """Whoever watches, and remembers what was being done."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.blocks = 0

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Hear what is done."""
        super().stage(plan, text, elapsed_s)
        assert str(plan)
        self.stages.append(text)

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Hear how far it is."""
        assert plan
        assert elapsed_s > 0
        assert ratios["baseline"] == 1
        self.blocks = done


@pytest.fixture
def database() -> None:
    """Nothing: experiments make databases of their own."""


@pytest.fixture(autouse=True)
def _tidy(server: Server) -> Iterator[None]:
    """See that an experiment leaves nothing behind."""
    before = server.databases
    yield
    assert server.databases == before
    with psycopg.connect(server.conninfo) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'sb%'").fetchall()
        assert {name for (name,) in rows} == {database.name for database in before}


def _plan(
    folder: Path, *, budget_s: float = 0.0, sample_hz: float = 0.0, operations: str = OPERATIONS, **candidates: str
) -> Plan:
    return Plan(
        found=laboratory.found(folder, SHOP, operations),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", {"baseline": BASELINE, **candidates}),
        clients=3,
        budget_s=budget_s,
        precision=0.001,
        seed=1,
        sample_hz=sample_hz,
    )


def _results(experiment: Experiment) -> dict[str, CandidateResult]:
    return {result.name: result for result in experiment.candidates}


def test_an_experiment_ranks_its_candidates_and_says_all_about_them(tmp_path: Path, server: Server) -> None:
    watcher = Watcher()
    plan = _plan(
        tmp_path,
        budget_s=2.0,
        fillfactor="-- summary: room for updates\n-- expects: more\n"
        + BASELINE.replace(";", " WITH (fillfactor = 50);"),
        slow=BASELINE + "-- name: look\nSELECT count(*) FROM generate_series(1, 6000) WHERE :key::text <> '';\n",
    )
    experiment = measure(plan, server, watcher)
    found = _results(experiment)

    assert [result.status for result in experiment.candidates] == ["ranked"] * 3
    assert (experiment.workload, experiment.cardinality, experiment.values) == ("shop", "typical", {"keys": 20})
    assert (experiment.stopped, experiment.digest) == ("budget", plan.digest)
    assert WARMUP_BLOCKS <= experiment.warmup_blocks <= sizing.MOST_GLANCES + 1, (
        "more where a first call took far longer"
    )
    assert experiment.blocks == watcher.blocks >= 1
    assert [(share.name, share.clients) for share in experiment.writers] == [("stream", 2), ("reader", 1)]
    assert experiment.operations == sum(share.operations for share in experiment.writers)
    for result in experiment.candidates:
        assert result.standing is not None
        assert result.operations_per_s is not None
        assert result.operations_per_s.low <= result.operations_per_s.value <= result.operations_per_s.high
        assert len(result.trials) == experiment.blocks + experiment.warmup_blocks
        assert {trial.operations for trial in result.trials if not trial.warmup} == {experiment.operations}
        assert {one.operation for one in result.latencies} == {"put", "move", "look"}
        assert sum(one.count for one in result.latencies) == experiment.blocks * experiment.operations
        assert result.sql.endswith(";\n")
    assert (found["fillfactor"].summary, found["fillfactor"].expects) == ("room for updates", "more")
    slow = found["slow"].standing
    assert slow is not None
    assert slow.to_baseline.value < 0.9
    assert experiment.candidates[-1].name == "slow"
    assert experiment.control is not None
    assert experiment.control.name == CONTROL
    assert watcher.stages == [
        "building baseline",
        "calibrating the burst",
        "building fillfactor",
        "building slow",
        "comparing states",
        "explaining plans",
    ]


def test_candidates_take_turns_in_an_order_of_their_own_and_write_the_same_rows(tmp_path: Path, server: Server) -> None:
    plan = _plan(tmp_path, budget_s=1.0, a=BASELINE, b=BASELINE)
    experiment = measure(plan, server, Watcher())
    trials = {result.name: result.trials for result in experiment.candidates}
    orders = {
        tuple(sorted(trials, key=lambda name: trials[name][block].position))
        for block in range(experiment.blocks + experiment.warmup_blocks)
    }

    assert len(orders) > 1
    for block in range(experiment.blocks + experiment.warmup_blocks):
        assert len({(some[block].block, some[block].operations, some[block].rows) for some in trials.values()}) == 1
        assert len({some[block].position for some in trials.values()}) == 3
    assert all(result.status == "ranked" for result in experiment.candidates), "equal bursts leave equal states"


UPSERT = OPERATIONS.partition("-- name: move")[0]
QUEUE = UPSERT.replace("INSERT", "SELECT FROM item WHERE key = 'old 0' FOR UPDATE;\nINSERT", 1)
"""All puts queue for one row, and leave the same rows as the workload's own; likewise below."""
WHOLE_TABLE = UPSERT.replace("INSERT", "LOCK TABLE item IN EXCLUSIVE MODE;\nINSERT", 1)


def _unordered(plan: Plan, **changes: object) -> Plan:
    """Return a plan whose puts have no key, so that all connections of their writer execute them."""

    def puts(shop: Shop, writer: str, block: int, random: Random) -> Iterator[Call]:
        for call in burst(shop, writer, block, random):
            if call.operation != "move":
                yield Call(call.operation, call.values, rows=call.rows)

    workload = replace(SHOP, burst=puts, **changes)  # type: ignore[arg-type] # any field
    return replace(plan, clients=5, found=replace(plan.found, workload=workload))


@pytest.fixture(scope="module")
def sampled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Run an experiment in which two candidates make their writers wait for each other in different ways."""
    candidates = {"queue": BASELINE + QUEUE, "whole_table": BASELINE + WHOLE_TABLE}
    plan = _plan(tmp_path_factory.mktemp("sampled"), budget_s=3.5, sample_hz=200.0, **candidates)
    return measure(_unordered(plan), server, Watcher())


def test_every_ranked_candidate_is_told_who_waited_and_what_it_cost(sampled: Experiment) -> None:
    assert (sampled.sample_hz, sampled.isolation) == (200.0, "read committed")
    assert 0 < sampled.busy_share < 1
    assert [(one.name, one.control is not None) for one in sampled.criteria] == [
        ("throughput", True),
        ("lock_waits", True),
    ]
    for result in sampled.candidates:
        assert result.status == "ranked"
        assert result.contention is not None
        assert tuple(result.contention.classes) == TIME_CLASSES
        assert sum(result.contention.classes.values()) == pytest.approx(1)
        counted = [trial for trial in result.trials if not trial.warmup]
        assert result.contention.observations == sum(sum(trial.waits.values()) for trial in counted)
        assert [cost.name for cost in result.costs] == [measure.name for measure in counters.MEASURES]
        amounts = {cost.name: cost.value for cost in result.costs}
        assert amounts["wal_bytes"]
        assert all((amounts[name] or 0) >= 8192 for name in ("table_size", "index_size")), "a page at least"
        assert amounts["retries"] == 0
        assert {plan.operation for plan in result.plans} == {"put", "look"}
        assert all(plan.plan for plan in result.plans if not plan.summary.startswith("no plan"))
        assert result.retries == ()
        assert result.attempts_per_s is not None
        assert result.operations_per_s is not None
        assert result.attempts_per_s.value == pytest.approx(result.operations_per_s.value)
    assert any(result.on_front for result in sampled.candidates)
    warmup = [trial for result in sampled.candidates for trial in result.trials if trial.warmup]
    if sum(trial.looks for trial in warmup) >= LOOKS_THAT_SEE:
        assert any(sum(trial.waits.values()) for trial in warmup), "sampled, and not counted"


def test_an_experiment_says_which_blocks_of_its_workload_only_check(sampled: Experiment) -> None:
    assert sampled.queries == ("items", "empty_keys")
    assert {*sampled.queries} < {*sampled.operations_sql}


def test_the_lock_and_the_pair_of_operations_behind_a_slow_candidate_are_named(sampled: Experiment) -> None:
    found = _results(sampled)
    queue, whole_table = found["queue"].contention, found["whole_table"].contention

    assert queue is not None
    assert whole_table is not None
    assert {lock.relation for lock in queue.locks[:2]} == {"item"}
    assert {lock.kind for lock in queue.locks[:2]} == {"transactionid", "tuple"}
    assert (whole_table.locks[0].kind, whole_table.locks[0].mode) == ("relation", "ExclusiveLock")
    assert whole_table.locks[0].relation == "item"
    for contention in (queue, whole_table):
        assert (contention.pairs[0].waiting, contention.pairs[0].blocking) == ("put", "put")
        assert contention.classes["Lock"] > 0.2
        assert contention.deepest_queue >= 2


def test_nothing_is_said_of_waits_where_nothing_was_sampled(tmp_path: Path, server: Server) -> None:
    experiment = measure(_plan(tmp_path, other=BASELINE), server, Watcher())

    assert (experiment.sample_hz, [one.name for one in experiment.criteria]) == (0.0, ["throughput"])
    for result in experiment.candidates:
        assert (result.contention, list(result.standings), result.on_front) == (None, ["throughput"], False)
        assert {len(trial.waits) for trial in result.trials} == {0}
        assert result.trials[-1].counters["wal_bytes"] > 0


def test_what_serializable_transactions_undo_is_repeated_and_counted(tmp_path: Path, server: Server) -> None:
    reads_all_before = OPERATIONS.replace("INSERT", "SELECT sum(value) FROM item;\nINSERT", 1)
    plan = _plan(tmp_path, budget_s=1.0, operations=reads_all_before, same=BASELINE)
    experiment = measure(_unordered(plan, isolation="serializable"), server, Watcher())

    assert experiment.isolation == "serializable"
    for result in experiment.candidates:
        assert result.status == "ranked"
        assert {one.reason for one in result.retries} == {"serialization failure"}
        undone = sum(one.count for one in result.retries)
        assert undone == sum(trial.retries for trial in result.trials if not trial.warmup) > 0
        assert [one.calls for one in result.retries] == [
            sum(trial.calls[one.operation] for trial in result.trials if not trial.warmup) for one in result.retries
        ]
        assert any(trial.paused_s > 0 for trial in result.trials)
        assert all((trial.paused_s > 0) == (trial.retries > 0) for trial in result.trials)
        assert all(sum(trial.undone.values()) == trial.retries for trial in result.trials)
        assert result.operations_per_s is not None
        assert result.attempts_per_s is not None
        assert result.attempts_per_s.value > result.operations_per_s.value


def test_a_client_that_is_what_was_measured_makes_every_candidate_invalid(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "SATURATED_SHARE", 0.0)
    plan = _plan(tmp_path, sample_hz=200.0, same=BASELINE, loses=BASELINE + PUT, fails=CHECKED)
    experiment = measure(plan, server, Watcher())
    found = _results(experiment)

    assert {name: result.status for name, result in found.items()} == {
        "baseline": "invalid",
        "same": "invalid",
        "loses": "disqualified",
        "fails": "failed",
    }
    assert "pytest -n 2" in found["same"].reason
    assert found["same"].trials
    assert (experiment.criteria, experiment.smallest_difference) == ((), None)


def test_a_candidate_that_the_client_limits_more_than_the_baseline_is_ranked_by_a_lower_bound(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "BUSY_SHARE", 0.0)
    slow = OPERATIONS.replace("SELECT * FROM item WHERE", "SELECT pg_sleep(0.005), item.* FROM item WHERE")
    quick = f"{BASELINE}-- name: look\nSELECT * FROM item WHERE key = :key::text;\n"
    slower = f"{BASELINE}-- name: look\nSELECT pg_sleep(0.01), item.* FROM item WHERE key = :key::text;\n"
    found = _results(
        measure(_plan(tmp_path, budget_s=2.0, operations=slow, quick=quick, slower=slower), server, Watcher())
    )
    standings = {name: one.standing for name, one in found.items()}

    assert {name: one.at_least for name, one in standings.items() if one} == {
        "baseline": False,
        "quick": True,
        "slower": False,
    }
    assert [notice.code for notice in found["quick"].notices] == ["client-limited"]
    assert [notice.code for notice in found["slower"].notices] == []
    assert found["quick"].busy_share is not None
    assert found["slower"].busy_share is not None
    assert found["quick"].busy_share > found["slower"].busy_share > 0


PUT = "-- name: put\nINSERT INTO item (key, value) VALUES (:key::text, :value::bigint)\nON CONFLICT (key) DO NOTHING;\n"
EMPTY_KEY = """\
INSERT INTO item VALUES ('', 7);
-- name: items
SELECT key, value FROM item WHERE key <> '' ORDER BY key COLLATE "C";
"""
FAILING_INDEX = """\
CREATE FUNCTION f(t text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1/0';
CREATE INDEX ON item (f(key));
"""
CHECKED = "CREATE TABLE item (key text PRIMARY KEY, value bigint CHECK (value < 100));\n"
DROPS_COLUMN = """\
-- name: look
ALTER TABLE item DROP COLUMN IF EXISTS extra;
SELECT extra FROM item WHERE key = :key::text;
"""
ENDS_ITSELF = "SELECT pg_terminate_backend(pg_backend_pid())"
BROKEN = {
    "fails_in_a_trial": (CHECKED, ["failed under the candidate 'fails_in_a_trial'", "23514"]),
    "lacks_a_table": (
        "CREATE TABLE other (key text);\n",
        ['relation "item" does not exist', "42P01", "operations.sql:2:13", "override it: `-- name: put`"],
    ),
    "fails_to_install": (f"{BASELINE}CREATE TABLE item ();\n", ["already exists", "42P07", "fails_to_install.sql:2:1"]),
    "wrong_operation": (f"{BASELINE}-- name: look\nSELECT nothing WHERE :key = '';\n", ["42703", "operation.sql:3:8"]),
    "unknown_operation": (f"{BASELINE}-- name: lok\nSELECT 1;\n", ["no operation 'lok'; did you mean 'look'?"]),
    "unknown_parameter": (f"{BASELINE}-- name: look\nSELECT :kez::text;\n", ["no parameter :kez"]),
    "wrong_state": (f"{BASELINE}-- name: items\nSELECT nothing;\n", ["nothing", "42703", "wrong_state.sql:3:8"]),
    "wrong_second_statement": (
        f"{BASELINE}-- name: move\nDELETE FROM item WHERE key = :source;\nSELECT nothing WHERE :target = '';\n",
        ["nothing", "42703", "statement.sql:4:8"],
    ),
    "drops_its_column": (
        f"{BASELINE}ALTER TABLE item ADD extra int;\n{DROPS_COLUMN}",
        ["failed under the candidate 'drops_its_column'", "42703", "column.sql:5:8"],
    ),
    "two_states": (f"{BASELINE}-- name: items\nSELECT 1; SELECT 2;\n", ["'items' has 2 statements, not one"]),
    "failing_state": (f"{BASELINE}-- name: items\nSELECT value / 0 FROM item;\n", ["division by zero", "22012"]),
    "unknown_table": (
        f'{BASELINE}-- name: look\nSELECT * FROM :"table";\n',
        ['Neither a writer nor a call sets the identifier :"table"'],
    ),
    "failing_index": (f"{BASELINE}{FAILING_INDEX}", ["division by zero"]),
    "ends_its_session": (
        f"{BASELINE}-- name: look\n{ENDS_ITSELF};\n",
        ["'look' failed under the candidate 'ends_its_session'", "57P01", "session.sql:3:1"],
    ),
    "ends_its_session_in_the_schema": (f"{BASELINE}{ENDS_ITSELF};\n", ["57P01", "schema.sql:2:1"]),
}
"""Candidates that fail, one in each way -> its SQL, and what must be said of it."""


@pytest.fixture(scope="module")
def mixed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, CandidateResult]:
    """Run one experiment with a candidate for everything that can befall one."""
    plan = _plan(
        tmp_path_factory.mktemp("mixed"),
        sample_hz=500.0,
        same=BASELINE,
        loses=BASELINE + PUT,
        breaks=BASELINE + EMPTY_KEY,
        future=f"-- postgres: >= 99\n{BASELINE}",
        **{name: sql for name, (sql, _) in BROKEN.items()},
    )
    return _results(measure(plan, server, Watcher()))


def test_the_others_are_ranked_whatever_befalls_one(mixed: dict[str, CandidateResult]) -> None:
    status = {name: result.status for name, result in mixed.items()}

    assert status == {
        "baseline": "ranked",
        "same": "ranked",
        "loses": "disqualified",
        "breaks": "disqualified",
        "future": "skipped",
        **dict.fromkeys(BROKEN, "failed"),
    }
    assert list(status)[:2] in (["baseline", "same"], ["same", "baseline"])


def test_a_candidate_that_loses_rows_is_disqualified_with_the_first_rows(mixed: dict[str, CandidateResult]) -> None:
    loses = mixed["loses"]

    assert "the state 'items' differs from the baseline's" in loses.reason
    assert "größe\n" in loses.reason
    assert "🎉" in loses.reason
    assert loses.trials
    assert loses.standing is None


def test_a_candidate_that_breaks_an_invariant_is_disqualified(mixed: dict[str, CandidateResult]) -> None:
    assert mixed["breaks"].reason == "the invariant 'empty_keys' does not hold:\n\"\",7"


BREAKS = BASELINE.replace(";", ";\nINSERT INTO item VALUES ('', 7);")
"""What `empty_keys` is there to find."""
BROKEN_RULE = "the invariant 'empty_keys' does not hold:\n\"\",7"


def test_who_breaks_an_invariant_is_disqualified_also_where_states_cannot_be_compared(
    tmp_path: Path, server: Server
) -> None:
    by_chance = OPERATIONS.replace('SELECT key, value FROM item ORDER BY key COLLATE "C";', "SELECT random();")
    experiment = measure(_plan(tmp_path, operations=by_chance, same=BASELINE, breaks=BREAKS), server, Watcher())
    found = _results(experiment)

    assert "state-not-comparable" in {notice.code for notice in experiment.notices}
    assert {name: one.status for name, one in found.items()} == {
        "baseline": "ranked",
        "same": "ranked",
        "breaks": "disqualified",
    }
    assert found["breaks"].reason == BROKEN_RULE


def test_a_candidate_that_fails_and_breaks_an_invariant_is_disqualified_and_both_are_told(
    tmp_path: Path, server: Server
) -> None:
    fails = f"{BREAKS}-- name: look\nSELECT 1 / 0, :key::text;\n"
    found = _results(measure(_plan(tmp_path, fails=fails), server, Watcher()))["fails"]

    assert found.status == "disqualified"
    assert found.reason.startswith(BROKEN_RULE)
    assert "It also failed:" in found.reason
    assert "division by zero" in found.reason


def test_a_baseline_that_breaks_its_own_invariant_is_disqualified_and_nobody_is_ranked(
    tmp_path: Path, server: Server
) -> None:
    experiment = measure(_plan(tmp_path, baseline=BREAKS, right=BASELINE, wrong=BREAKS), server, Watcher())
    found = _results(experiment)

    assert {name: one.status for name, one in found.items()} == {
        "baseline": "disqualified",
        "right": "invalid",
        "wrong": "disqualified",
    }
    assert found["baseline"].reason == f"the baseline breaks its own invariant: {BROKEN_RULE}"
    assert found["right"].reason == agreement.NO_BASELINE
    assert found["wrong"].reason == BROKEN_RULE
    assert experiment.control is None


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_candidate_that_fails_is_told_why(mixed: dict[str, CandidateResult], name: str) -> None:
    _, words = BROKEN[name]

    assert [word for word in words if word not in mixed[name].reason] == []


def test_a_candidate_for_another_server_is_skipped(mixed: dict[str, CandidateResult]) -> None:
    assert mixed["future"].reason.startswith("it needs PostgreSQL >= 99; the server is ")


def test_a_baseline_for_another_server_is_an_error(tmp_path: Path, server: Server) -> None:
    with pytest.raises(CandidateError, match="The baseline does not apply to this server: it needs PostgreSQL >= 99"):
        measure(_plan(tmp_path, baseline=f"-- postgres: >= 99\n{BASELINE}", other=BASELINE), server, Watcher())


@pytest.mark.parametrize("sql", ["CREATE TABLE item (;", "CREATE TABLE other (key text);\n"])
def test_a_baseline_that_fails_ends_the_experiment(tmp_path: Path, server: Server, sql: str) -> None:
    with pytest.raises(CandidateError):
        measure(_plan(tmp_path, baseline=sql, other=BASELINE), server, Watcher())


def test_a_candidate_one_call_of_which_takes_too_long_fails_with_operation_parameters_and_time(
    tmp_path: Path, server: Server
) -> None:
    stuck = f"{BASELINE}\n-- name: look\nSELECT pg_sleep(60), :key::text;\n"
    plan = _plan(tmp_path, same=BASELINE, stuck=stuck)
    plan = replace(plan, call_timeout_s=0.5)
    found = _results(measure(plan, server, Watcher()))

    assert {name: one.status for name, one in found.items()} == {
        "baseline": "ranked",
        "same": "ranked",
        "stuck": "failed",
    }
    reason = found["stuck"].reason
    assert "A call of 'look' under the candidate 'stuck' timed out after" in reason
    assert "the limit for a call is 500 ms" in reason
    assert ":key = 'größe" in reason
    assert "stuck.sql" in reason
    assert "--call-timeout" in reason
    assert "at that moment it waited for Timeout: PgSleep" in reason


def test_a_call_that_waits_for_a_lock_that_nobody_releases_is_given_up_with_who_holds_it(
    tmp_path: Path, server: Server
) -> None:
    held = (
        f"{BASELINE}\n-- name: put\nSELECT pg_advisory_lock(7), :key::text, :value::bigint;\n"
        "-- name: look\nSELECT pg_advisory_lock(7), :key::text;\n"
    )
    plan = replace(_plan(tmp_path, held=held), call_timeout_s=0.5)
    reason = _results(measure(plan, server, Watcher()))["held"].reason

    assert "under the candidate 'held' timed out after" in reason
    assert "it waited for a lock (advisory), which the session" in reason
    assert "SELECT pg_advisory_lock(7)" in reason


def test_a_baseline_one_call_of_which_takes_too_long_ends_the_experiment_and_says_what_to_do(
    tmp_path: Path, server: Server
) -> None:
    operations = OPERATIONS.replace("SELECT * FROM item WHERE key = :key::text;", "SELECT pg_sleep(60), :key::text;")
    plan = replace(_plan(tmp_path, operations=operations, other=BASELINE), call_timeout_s=0.3)

    with pytest.raises(CandidateError, match="A call of 'look' under the candidate 'baseline' timed out") as caught:
        measure(plan, server, Watcher())
    assert "allow longer calls: --call-timeout 2min" in caught.value.remedies


def test_a_candidate_whose_calls_are_quick_but_too_many_is_cut_short_and_the_others_are_ranked(
    tmp_path: Path, server: Server
) -> None:
    many = f"{BASELINE}\n-- name: look\nSELECT pg_sleep(0.2), :key::text;\n"
    plan = replace(_plan(tmp_path, many=many), call_timeout_s=1.0, burst=80)
    watcher = Watcher()
    found = _results(measure(plan, server, watcher))

    assert (found["baseline"].status, found["many"].status) == ("ranked", "failed")
    assert "A trial of 'many' was cut short after 2.0" in found["many"].reason
    assert " of its time at work went to look" in found["many"].reason


SLOW = "-- name: look\nSELECT pg_sleep(0.05), :key::text;\n"
"""Twenty times as long as all else in a burst, or more."""


def test_a_candidate_that_is_far_slower_leaves_early_with_a_verdict_and_the_others_get_theirs(
    tmp_path: Path, server: Server
) -> None:
    # a budget of which it may use enough for a proof, though a stall of the machine falls into one of its blocks
    plan = _plan(tmp_path, budget_s=24.0, sample_hz=50.0, same=BASELINE, slow=BASELINE + SLOW)
    experiment = measure(replace(plan, precision=0.5, burst=96), server, Watcher())
    found = _results(experiment)
    slow, standing = found["slow"], found["slow"].standing

    assert experiment.blocks >= experiment.blocks_needed
    assert slow.retired is not None
    assert standing is not None
    assert slow.retired.trials == sum(not trial.warmup for trial in slow.trials) < experiment.blocks
    assert standing.to_baseline.value < 1 / 8
    assert standing.to_baseline.high < 1, "how far below hangs on how even the baseline's trials are"
    assert "baseline" not in standing.tied_with
    assert standing.rank == 3
    assert slow.contention is not None
    assert slow.costs
    assert slow.plans
    assert slow.latencies
    assert slow.notices[0].code == "retired"
    assert found["same"].retired is None


def test_a_wrong_candidate_is_disqualified_though_it_left_early(tmp_path: Path, server: Server) -> None:
    put = "INSERT INTO item VALUES (:key::text, :value::bigint) ON CONFLICT (key) DO NOTHING;"
    wrong = f"{BASELINE}\n{SLOW}-- name: put\n{put}\n"
    plan = replace(_plan(tmp_path, budget_s=4.0, same=BASELINE, wrong=wrong), burst=96)
    found = _results(measure(plan, server, Watcher()))

    assert len(found["wrong"].trials) < len(found["same"].trials), "it left early"
    assert (found["same"].status, found["wrong"].status) == ("ranked", "disqualified")
    assert "items" in found["wrong"].reason


def test_a_call_of_the_background_may_take_as_long_as_it_takes(tmp_path: Path, server: Server) -> None:
    put = "INSERT INTO item (key, value) VALUES (:key::text, :value::bigint) ON CONFLICT (key) DO NOTHING;"
    first = "SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM item) THEN 0 ELSE 1 END);"
    slow = f"{BASELINE}\n-- name: put\n{first}\n{put}\n"
    plan = replace(_plan(tmp_path, slow=slow), call_timeout_s=0.5, burst=8)
    plan = replace(plan, found=replace(plan.found, workload=replace(SHOP, state=())))

    assert _results(measure(plan, server, Watcher()))["slow"].status == "ranked"


def test_bursts_are_as_large_as_was_asked_for_and_a_report_tells_what_to_ask_for(
    tmp_path: Path, server: Server
) -> None:
    plan = _plan(tmp_path, same=BASELINE)
    weights = sum(writer.weight for writer, _ in plan.writers)
    first = measure(replace(plan, burst=10 * weights + 1), server, Watcher())
    second = measure(replace(plan, burst=first.operations), server, Watcher())

    assert first.operations == second.operations == 10 * weights
    assert {trial.operations for one in second.candidates for trial in one.trials} == {10 * weights}


def test_a_baseline_that_fails_is_named_and_so_is_the_file_that_is_wrong(tmp_path: Path, server: Server) -> None:
    operations = OPERATIONS.replace("-- name: look\n", "-- name: look\nSELECT 1 / 0 FROM item;\n")
    assert operations != OPERATIONS
    with pytest.raises(CandidateError) as caught:
        measure(_plan(tmp_path, operations=operations, other=BASELINE), server, Watcher())

    assert caught.value.what.startswith("The operation 'look' failed under the candidate 'baseline': ")
    assert caught.value.remedies == (
        f"fix 'look' in {tmp_path}/operations.sql, which is written for the baseline",
        f"fix the schema in {tmp_path}/schemas/baseline.sql",
    )


def test_a_failure_names_the_identifiers_of_the_writer_that_failed(tmp_path: Path, server: Server) -> None:
    def writers(_: Shop) -> tuple[Writer, ...]:
        return (
            Writer(name="reader", kind="reader", weight=1),
            Writer(name="stream", kind="stream", weight=8, identifiers={"table": "item"}),
        )

    operations = OPERATIONS.replace("INSERT INTO item", 'INSERT INTO :"table" AS item')
    plan = _plan(tmp_path, operations=operations)
    found = replace(plan.found, workload=replace(SHOP, writers=writers, background=lambda *_: iter(())))
    (tmp_path / "schemas" / "checked.sql").write_text(CHECKED)
    plan = replace(plan, found=found, candidates=tuple(candidate.find(tmp_path / "schemas").values()))
    checked = _results(measure(plan, server, Watcher()))["checked"]

    assert checked.status == "failed"
    assert "23514" in checked.reason


def test_databases_are_kept_when_they_shall_be(tmp_path: Path, server: Server) -> None:
    plan = replace(_plan(tmp_path, other=BASELINE), keep_databases=True)
    measure(plan, server, Watcher())

    kept = [database for database in server.databases if database.label.startswith("shop_typical")]
    try:
        assert {database.label for database in kept} == {
            "shop_typical_baseline",
            f"shop_typical_{CONTROL}",
            "shop_typical_other",
        }
        with psycopg.connect(server.conninfo_for(kept[0].name)) as connection:
            assert connection.execute("SELECT count(*) > 20 FROM item").fetchone() == (True,)
    finally:
        for database in kept:
            server.drop(database)


ENDS_THE_SAMPLER = """\
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE query ~ 'WITH lock AS MATERIALIZED' AND pid <> pg_backend_pid()"""


def test_a_server_that_ends_connections_is_the_servers_fault(tmp_path: Path, server: Server) -> None:
    ends = f"{BASELINE}-- name: look\n{ENDS_THE_SAMPLER} AND :key <> '';\n"
    plan = _plan(tmp_path, budget_s=2.0, sample_hz=200.0, ends=ends)

    with pytest.raises(ServerError):
        measure(plan, server, Watcher())


@pytest.fixture
def entered(tmp_path: Path, server: Server) -> Iterator[Entrant]:
    """Enter the baseline by itself."""
    plan = _plan(tmp_path)
    template = filling.build(plan.candidates[0], plan.found.operations, server, [])
    writers = [writer for writer, _ in plan.writers]
    with closing(entrant.enter(template, "baseline", template.databases, writers)) as one:
        yield one
    several.drop(server, template.databases)


def test_a_connection_that_is_ended_between_trials_is_the_servers_fault(entered: Entrant, server: Server) -> None:
    entered.sessions.flush_statistics()
    ended = entered.sessions.pids[0]
    with psycopg.connect(server.conninfo) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [ended])

    with pytest.raises(ServerError, match="The connection to the server was lost"):
        entered.sessions.flush_statistics()


def test_a_server_that_cannot_be_told_to_count_at_once_is_left_in_peace(entered: Entrant, server: Server) -> None:
    with psycopg.connect(server.conninfo_for(entered.databases.of("").name)) as admin:
        admin.execute("ALTER FUNCTION pg_catalog.pg_stat_force_next_flush() RENAME TO unknown_to_postgres_14")

    entered.sessions.flush_statistics()


def test_a_call_that_does_not_fit_is_the_workloads_fault(tmp_path: Path, server: Server) -> None:
    def strays(*_: object) -> Iterator[Call]:
        while True:
            yield Call("put", {"key": "a\0", "value": 1})

    plan = _plan(tmp_path)
    with pytest.raises(WorkloadError, match="cannot be sent"):
        measure(replace(plan, found=replace(plan.found, workload=replace(SHOP, burst=strays))), server, Watcher())


SMALLER: Mapping[str, Mapping[str, int]] = {
    "access_log": {"ranges": 500, "history_lines": 2_000, "hosts": 500},
    "votes": {"slice_s": 10, "reads": 10, "history_votes": 5_000},
    "usage": {"sites": 200, "media_entries": 200, "analytics_ids": 1_000, "history_days": 3},
    "pageviews": {"known_pages": 1_024, "lines_per_hour": 256},
    "pipelines": {"records": 200, "members": 300, "policies": 50, "insight_days": 3},
    "clickstream": {"users": 400, "likes": 1_000, "events": 300},
}
"""Workload -> sizes below those of `typical`, so that all candidates are soon built."""


@pytest.mark.parametrize(
    "name",
    [
        "pageviews",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in sorted({*SMALLER} - {"pageviews"})),
    ],
)
def test_every_candidate_that_is_shipped_leaves_the_same_rows_as_the_baseline(name: str, server: Server) -> None:
    found = workload.load(ROOT / "workloads", name)
    sizes = replace(found.workload.cardinalities["typical"], **SMALLER[name])
    plan = Plan(
        found=replace(found, workload=replace(found.workload, cardinalities={"typical": sizes})),
        cardinality="typical",
        candidates=tuple(candidate.find(ROOT / "schemas" / name).values()),
        clients=len(found.workload.writers(sizes)) + 2,
        budget_s=0.0,
        precision=0.01,
        seed=1,
    )
    experiment = measure(plan, server, Watcher())
    major = server.record.version_num // 10_000

    assert {
        result.name: result.reason
        for result in experiment.candidates
        if result.status != "ranked" and not (result.status == "skipped" and str(major) in result.reason)
    } == {}
    assert not [notice for notice in experiment.notices if notice.code == "state-not-comparable"]


def _paced(plan: Plan, production_s: float, adequacy_s: float) -> Plan:
    """Return a plan whose workload knows what production asks for: 12 calls in so many seconds."""
    workload = replace(plan.found.workload, production_s=lambda _: production_s)
    return replace(plan, found=replace(plan.found, workload=workload), adequacy_s=adequacy_s)


def test_candidates_keep_a_pace_that_they_can(tmp_path: Path, server: Server) -> None:
    watcher = Watcher()
    experiment = measure(_paced(_plan(tmp_path), 0.1, 1.5), server, watcher)
    kept = _results(experiment)["baseline"].adequacy

    assert kept is not None
    assert (kept.duration_s, kept.operations_per_s) == pytest.approx((1.5, 120.0))
    assert kept.keeps_up is not False, "a machine with much else to do may leave it open"
    assert kept.elapsed_s > 1.0
    assert [one.operation for one in kept.responses] == [one.operation for one in kept.services]
    assert sum(one.count for one in kept.responses) == 180
    assert all(
        response.max_ns >= service.max_ns for response, service in zip(kept.responses, kept.services, strict=True)
    )
    assert kept.max_ns == max(one.max_ns for one in kept.responses)
    paced = [place for place, stage in enumerate(watcher.stages) if stage.endswith("under the production load")]
    assert len(paced) == 2, "the baseline and the control"
    assert max(paced) < watcher.stages.index("comparing states"), "what is executed at a pace is compared, too"


def test_a_pace_that_cannot_be_kept_is_told(tmp_path: Path, server: Server) -> None:
    experiment = measure(_paced(_plan(tmp_path), 1e-5, 1e-3), server, Watcher())
    kept = _results(experiment)["baseline"].adequacy

    assert kept is not None
    assert not kept.keeps_up
    assert kept.waiting["stream"] > 400
    assert kept.elapsed_s > 10 * kept.duration_s
    assert kept.p99_ns is not None
    assert kept.p99_ns > 5 * max(one.p99_ns or 0 for one in kept.services), (
        "those who wait are timed from when they were due"
    )


def test_without_a_pace_of_production_a_notice_says_that_nothing_was_executed_at_it(
    tmp_path: Path, server: Server
) -> None:
    experiment = measure(replace(_plan(tmp_path), adequacy_s=1.0), server, Watcher())

    assert "pace-unknown" in {notice.code for notice in experiment.notices}
    assert _results(experiment)["baseline"].adequacy is None
