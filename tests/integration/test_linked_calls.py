"""Calls that take what others got from the server, and transactions of several operations, on a real server."""

from collections.abc import Iterator
from itertools import count
from random import Random

import pytest
import servers
from laboratory import Laboratory

from schemabench import Call, Given, Writer
from schemabench.errors import CandidateError, WorkloadError
from schemabench.records import Experiment

ORDERS = """CREATE TABLE orders (id {type}, customer int NOT NULL, lines int NOT NULL DEFAULT 0);
CREATE TABLE line (order_id {key} NOT NULL REFERENCES orders, number int NOT NULL, PRIMARY KEY (order_id, number));
"""
NUMBERED = ORDERS.format(type="bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", key="bigint")
OPERATIONS = """\
-- name: place
INSERT INTO orders (customer) VALUES (:customer::int) RETURNING id;
-- name: add
INSERT INTO line VALUES (:order::bigint, :number::int);
-- name: count
UPDATE orders SET lines = lines + 1 WHERE id = :order::bigint;
-- name: orders
SELECT o.customer, o.lines, (SELECT count(*) FROM line WHERE order_id = o.id) FROM orders o ORDER BY 1, 2, 3;
"""
IDENTIFIED = (
    ORDERS.format(type="uuid PRIMARY KEY DEFAULT gen_random_uuid()", key="uuid")
    + """\
-- name: add
INSERT INTO line VALUES (:order::uuid, :number::int);
-- name: count
UPDATE orders SET lines = lines + 1 WHERE id = :order::uuid;
"""
)
UNPREPARED = (
    NUMBERED
    + """\
-- name: add
-- prepare: never
INSERT INTO line VALUES (:order::bigint, :number::int);
"""
)
BATCHED = (
    NUMBERED
    + """\
-- name: add
-- batch: 10
INSERT INTO line VALUES (unnest(:order::bigint[]), unnest(:number::int[]));
"""
)
FORGETFUL = NUMBERED + "-- name: place\nINSERT INTO orders (customer) VALUES (:customer::int);\n"


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield orders of one session, with lines that are written by it and by another one."""
    start = random.randrange(1 << 30)
    for number in count(start):
        name = f"order {number}"
        placing = {"key": f"a{number % 2}", "transaction": f"{number}"}
        yield Call("place", {"customer": number - start}, gives={"id": name}, **placing)  # type: ignore[arg-type] (texts)
        yield Call("add", {"order": Given(name, 1), "number": 1}, **placing)  # type: ignore[arg-type] (likewise)
        yield Call("add", {"order": Given(name, 1), "number": 2}, key=f"b{number % 3}")
        yield Call("count", {"order": Given(name, 1)}, key=f"b{number % 5}")


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with servers.serving("embedded", settings={"synchronous_commit": "off"}, clients=40, run_id="linked") as server:
        yield Laboratory(server=server, folders=tmp_path_factory)


def rank(laboratory: Laboratory, **candidates: str) -> Experiment:
    """Rank candidates."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": NUMBERED, **candidates},
        writers=[Writer(name="sessions", kind="stream", weight=4, clients=6)],
        burst=burst,
        budget_s=0.8,
        calls=200,
        state=("orders",),
    )


def test_every_candidate_has_its_own_keys_and_the_same_rows(laboratory: Laboratory) -> None:
    experiment = rank(laboratory, identified=IDENTIFIED, unprepared=UNPREPARED)

    assert {one.name: one.status for one in experiment.candidates} == dict.fromkeys(
        ("baseline", "identified", "unprepared"), "ranked"
    )
    assert not [notice for notice in experiment.notices if "state" in notice.code]
    for one in experiment.candidates:
        counted = [trial for trial in one.trials if not trial.warmup]
        latencies = {latency.operation: latency.count for latency in one.latencies}
        assert {trial.operations for trial in counted} == {200}
        assert latencies["place"] == 50 * len(counted)
        assert latencies["add"] == 100 * len(counted)


@pytest.mark.parametrize(
    ("candidate", "told"),
    [(BATCHED, "take values from others, or give them, and so cannot be gathered"), (FORGETFUL, "has no row, not one")],
)
def test_a_candidate_that_cannot_give_or_take_fails_in_words(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, candidate: str, told: str
) -> None:
    monkeypatch.setattr("laboratory._ranked", lambda experiment: experiment)

    reasons = {one.name: one.reason for one in rank(laboratory, other=candidate).candidates}

    assert told in reasons["other"]


CLAIM = """\
-- name: claim
-- as: free
-- if none: stop
SELECT id FROM orders WHERE customer = -1;
-- pause: 1 s
UPDATE orders SET lines = lines + 1 WHERE id = :free.id;
"""


def claiming(writer: str, random: Random) -> Iterator[Call]:
    """Yield the same calls, with one before each order, in its transaction, that finds nothing to do."""
    for call in burst(writer, random):
        if call.operation == "place":
            yield Call("claim", {}, key=call.key, transaction=call.transaction, gives={"": f"claim {call.transaction}"})
            yield call
        elif not call.transaction and call.operation == "add":
            name = str(call.values["order"].name).replace("order", "claim")  # type: ignore[attr-defined] (it is given)
            yield Call("count", {"order": Given(name, 1)}, key=call.key)
            yield call
        else:
            yield call


def test_a_call_that_stops_leaves_all_others_of_its_transaction_to_be_done_also_at_a_pace(
    laboratory: Laboratory,
) -> None:
    found = laboratory.rank(
        operations=OPERATIONS + CLAIM,
        candidates={"baseline": NUMBERED},
        writers=[Writer(name="sessions", kind="stream", weight=6, clients=6)],
        burst=claiming,
        budget_s=0.5,
        calls=120,
        state=("orders",),
        production_s=0.02,
        adequacy_s=0.8,
    )
    (one,) = found.candidates
    adequacy = one.adequacy

    assert {latency.operation: latency.p50_ns is None for latency in one.latencies} == dict.fromkeys(
        ("claim", "place", "add", "count"), False
    )
    assert adequacy is not None
    assert adequacy.keeps_up is not False
    for response in adequacy.responses:
        assert response.p50_ns is not None
        assert response.p50_ns > 0, "none is answered before it is due"


def test_what_nobody_gives_is_told(laboratory: Laboratory) -> None:
    with pytest.raises((WorkloadError, CandidateError), match="takes :order from what another call gives as 'nothing'"):
        laboratory.rank(
            operations=OPERATIONS,
            candidates={"baseline": NUMBERED},
            writers=[Writer(name="sessions", kind="stream", weight=4)],
            burst=lambda *_: (Call("count", {"order": Given("nothing", 1)}) for _ in count()),
            budget_s=0.3,
            calls=10,
            state=(),
        )
