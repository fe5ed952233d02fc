"""Lock waits are those that the writers' own transactions log, by the server's clock.

Every call notes when it asked for its lock, when it got it, and when it was done with it. The harness has no part in
that: it sees sessions at some moments, and adds up what they waited for.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random

import pytest
import scipy
import servers
from laboratory import Laboratory, result
from witness import Connection, Reading, Witness, nothing, staying

from schemabench import Call, Writer
from schemabench.errors import CandidateError
from schemabench.experiment import Plan
from schemabench.records import CandidateResult, Contention, Estimate, Trial

SECONDS = 6.0
CANCELED = "57014"
SIGMAS = 3.0
CONNECTIONS = 64
"""Of all entrants of an experiment, and of who watches."""
HELD_S = 0.01
LEFT_S, RIGHT_S = 0.014, 0.006
"""How long each of two rows is held."""
DIARY = "CREATE TABLE diary (what text, waited_s float, held_s float);\n"
HOLDING = """\
CREATE FUNCTION hold_{what}(seconds float) RETURNS void LANGUAGE plpgsql AS $$
DECLARE asked timestamptz := clock_timestamp(); got timestamptz;
BEGIN
    {lock};
    got := clock_timestamp();
    PERFORM pg_sleep(seconds);
    INSERT INTO diary VALUES ('{what}', extract(epoch FROM got - asked), extract(epoch FROM clock_timestamp() - got));
END $$;
"""
ROW = """\
CREATE TABLE {what}_item (id int PRIMARY KEY, n int);
INSERT INTO {what}_item VALUES (1, 0);
"""
UPDATED = "UPDATE {what}_item SET n = n + 1 WHERE id = 1"
HOLD = "-- name: {what}\nSELECT hold_{what}(:seconds::float);\n"
ONE, LEFT, RIGHT = "one", "left", "right"
ADVISORY = DIARY + HOLDING.format(what=ONE, lock="PERFORM pg_advisory_xact_lock(1)")
TWO_TABLES = DIARY + "".join(
    ROW.format(what=side) + HOLDING.format(what=side, lock=UPDATED.format(what=side)) for side in (LEFT, RIGHT)
)
IMPATIENT = """\
CREATE TABLE item (id int PRIMARY KEY, n int);
INSERT INTO item VALUES (1, 0);
"""
GIVE_UP = """\
-- name: add
SELECT set_config('lock_timeout', '8ms', true);
UPDATE item SET n = n + 1 WHERE id = 1;
SELECT pg_sleep(0.02);
"""


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return a place where commits take no time: whoever holds a lock holds it for as long as it says."""
    with servers.serving("embedded", settings={"autovacuum": "off"}, clients=CONNECTIONS, run_id="held") as server:
        yield Laboratory(server=server, folders=tmp_path_factory)


def diary(_: Connection, connection: Connection) -> Reading:
    """Return what all transactions logged so far."""
    query = "SELECT what, sum(waited_s), sum(held_s) FROM diary GROUP BY what"
    rows = {what: (waited, held) for what, waited, held in connection.execute(query)}
    return {
        f"{what} {figure}": rows.get(what, (0.0, 0.0))[place]
        for what in (ONE, LEFT, RIGHT)
        for place, figure in enumerate(("waited", "held"))
    }


@contextmanager
def closing_all(watching: Sequence[Witness]) -> Iterator[None]:
    """Close whoever was watching at the end of the block."""
    try:
        yield
    finally:
        for one in watching:
            one.close()


def measured(
    laboratory: Laboratory, clients: int, calls: list[Call], **texts: str
) -> tuple[CandidateResult, Mapping[str, float]]:
    """Return what is said of a baseline whose writers make these calls in turns, and what they logged meanwhile."""
    watching: list[Witness] = []

    def watched(plan: Plan) -> Witness:
        watching.append(
            Witness(plan, laboratory.server.conninfo, read=diary if "diary" in texts["baseline"] else nothing)
        )
        return watching[0]

    def burst(_: str, random: Random) -> Iterator[Call]:
        assert random is not None
        while True:
            yield from calls

    with staying(), closing_all(watching):
        experiment = laboratory.rank(
            operations=texts["operations"],
            candidates={"baseline": texts["baseline"]},
            writers=[Writer(name="writing", kind="stream", weight=clients, clients=clients)],
            burst=burst,
            budget_s=SECONDS,
            sample_hz=50.0,
            team=watched,
        )
    found = result(experiment, "baseline")
    return found, watching[0].increases(found)["baseline"]


def counted(found: CandidateResult) -> list[Trial]:
    return [trial for trial in found.trials if not trial.warmup]


def error(share: Estimate, trials: int) -> float:
    """Return the standard error that an interval is made of."""
    return (share.high - share.low) / 2 / float(scipy.stats.t.ppf(0.975, trials - 1))


def share_of_looks(found: Contention, share: float) -> float:
    """Return the standard error of a share, were all sessions of a look to do the same."""
    return math.sqrt(share * (1 - share) / found.samples)


def queueing(clients: int, calls: int) -> float:
    """Return the share of waiting of so many writers, one of whom holds the lock, until calls run out."""
    at_work = [min(clients, left) for left in range(calls, 0, -1)]
    return sum(one - 1 for one in at_work) / sum(at_work)


@pytest.mark.parametrize("clients", [2, 4, 8])
def test_writers_that_hold_one_lock_in_turns_wait_for_all_of_their_time_but_one_nth(
    quick: Laboratory, clients: int
) -> None:
    found, logged = measured(
        quick, clients, [Call(ONE, {"seconds": HELD_S})], operations=HOLD.format(what=ONE), baseline=ADVISORY
    )
    trials = counted(found)
    share = found.standings["lock_waits"].figure
    own_error = error(share, len(trials))
    truth = logged["one waited"] / (logged["one waited"] + logged["one held"])
    told = queueing(clients, round(sum(trial.operations for trial in trials) / len(trials)))

    assert abs(share.value - truth) <= SIGMAS * own_error
    assert truth == pytest.approx(told, abs=0.08), "(n - 1) / n, but for last calls, and for clients that are held up"
    assert found.contention is not None
    assert found.contention.classes["pause"] == 0


def test_pairs_and_tables_share_the_waiting_as_their_transactions_log_it(quick: Laboratory) -> None:
    calls = [Call(LEFT, {"seconds": LEFT_S}), Call(RIGHT, {"seconds": RIGHT_S})]
    operations = "".join(HOLD.format(what=side) for side in (LEFT, RIGHT))
    found, logged = measured(quick, 6, calls, operations=operations, baseline=TWO_TABLES)
    contention = found.contention
    assert contention is not None
    whole = sum(logged.values())

    assert logged["left held"] / (logged["left held"] + logged["right held"]) == pytest.approx(0.7, abs=0.05)
    for side in (LEFT, RIGHT):
        truth = logged[f"{side} waited"] / whole
        table = sum(lock.share for lock in contention.locks if lock.relation == f"{side}_item")
        pairs = sum(pair.share for pair in contention.pairs if (pair.waiting, pair.blocking) == (side, side))
        assert abs(table - truth) <= SIGMAS * share_of_looks(contention, truth)
        assert abs(pairs - truth) <= SIGMAS * share_of_looks(contention, truth)
    assert {lock.relation for lock in contention.locks} <= {"left_item", "right_item"}


def impatient(quick: Laboratory, clients: int) -> CandidateResult:
    """Return what was found of writers that wait for a lock no longer than its timeout.

    A statement waits twice, for the row and for the transaction that has it. Where the timeout of the first wait fires
    just as that ends, the server takes it in the second for somebody's cancel request, and says so: once more then.
    """
    try:
        return measured(quick, clients, [Call("add", {})], operations=GIVE_UP, baseline=IMPATIENT)[0]
    except CandidateError as failure:
        if failure.sqlstate != CANCELED:
            raise
        return measured(quick, clients, [Call("add", {})], operations=GIVE_UP, baseline=IMPATIENT)[0]


def test_who_gives_up_and_sleeps_is_seen_or_pauses_for_all_of_its_time(quick: Laboratory) -> None:
    clients = 4
    found = impatient(quick, clients)
    contention, trials = found.contention, counted(found)
    assert contention is not None
    looks_per_s = contention.samples / sum(trial.duration_s for trial in trials)
    pauses = sum(trial.paused_s for trial in trials) * looks_per_s
    sessions = (contention.observations + pauses) / contention.samples

    assert contention.classes["pause"] > 0.1
    assert contention.classes["Lock"] + contention.classes["pause"] == pytest.approx(
        found.standings["lock_waits"].figure.value
    )
    assert found.standings["lock_waits"].figure.value > 0.4, "at most one in four holds the row"
    assert clients / 2 < sessions <= clients + 0.2, "each session is at work or pauses, until calls run out"
