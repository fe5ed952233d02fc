"""How calls are sent, on a real server: gathered, copied, as text, repeated, at a distance."""

from collections.abc import Iterator
from random import Random

import pytest
import servers
from laboratory import Laboratory, amount, result
from psycopg.pq import ExecStatus
from psycopg.types.json import Jsonb

from schemabench import Call, Writer
from schemabench.encoding import Encoder, as_array, as_binary_rows, as_rows
from schemabench.errors import CandidateError
from schemabench.load import Session, stop
from schemabench.records import Experiment
from schemabench.server import Server
from schemabench.server.dsn import opened

TABLE = "CREATE TABLE event (id bigint PRIMARY KEY, site text NOT NULL, bytes bigint);\n"
OPERATIONS = """\
-- name: add
INSERT INTO event VALUES (:id::bigint, :site::text, :bytes::bigint);
-- name: look
SELECT count(*) FROM event WHERE site = :site::text;
-- name: events
SELECT site, count(*), sum(bytes) FROM event GROUP BY site ORDER BY site;
"""
GATHERED = """\
-- name: add
-- batch: 50
INSERT INTO event SELECT * FROM unnest(:id::bigint[], :site::text[], :bytes::bigint[]);
"""
COPIED = "-- name: add\n-- batch: 50\nCOPY event (id, bytes, site) FROM STDIN;\n"
UNPREPARED = "-- name: add\n-- prepare: never\nINSERT INTO event VALUES (:id::bigint, :site::text, :bytes::bigint);\n"
NOTHING = "-- name: look\n-- nothing\n"
CANDIDATES = {
    "baseline": TABLE,
    "gathered": TABLE + GATHERED,
    "copied": TABLE + COPIED,
    "binary": TABLE + COPIED.replace("STDIN", "STDIN (FORMAT binary)"),
    "unprepared": TABLE + UNPREPARED,
    "blind": TABLE + NOTHING,
}
ODD = ["plain", "tab\tand\nline", "back\\slash", '"quoted", {braces}', "", "NULL", "\\N", "\u00e9\u4e16\x0b\x08"]
QUICKLY = {"autovacuum": "off", "synchronous_commit": "off"}
"""Locks are held for as long as round trips take, and commits for no time."""
COUNTER = "CREATE TABLE counter (id int PRIMARY KEY, n int);\nINSERT INTO counter VALUES (1, 0);\n"


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield rows with values that a format might take for something else, and now and then a read."""
    number = random.randrange(1 << 60)
    while True:
        number += 1
        size = None if number % 7 == 0 else number % 1000
        yield Call("add", {"id": number, "site": ODD[number % len(ODD)], "bytes": size})
        if number % 10 == 0:
            yield Call("look", {"site": "plain"}, rows=0)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with servers.serving("embedded", settings=QUICKLY, clients=64, run_id="sending") as server:
        yield Laboratory(server=server, folders=tmp_path_factory)


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    return laboratory.rank(
        operations=OPERATIONS,
        candidates=CANDIDATES,
        writers=[Writer(name="adding", kind="stream", weight=11, clients=2)],
        burst=burst,
        budget_s=6,
        calls=1100,
        state=("events",),
        production_s=0.02,
        adequacy_s=1.0,
    )


def test_candidates_that_send_in_other_ways_have_the_same_rows(experiment: Experiment) -> None:
    assert {one.name: one.status for one in experiment.candidates} == dict.fromkeys(CANDIDATES, "ranked")


def test_every_call_counts_once_however_it_is_sent(experiment: Experiment) -> None:
    for one in experiment.candidates:
        counted = [trial for trial in one.trials if not trial.warmup]
        latencies = {latency.operation: latency.count for latency in one.latencies}

        assert {trial.operations for trial in counted} == {1100}
        assert latencies["add"] == 1000 * len(counted)


def test_gathering_saves_what_a_statement_costs(experiment: Experiment) -> None:
    ratios = {one.name: one.standing.to_baseline for one in experiment.candidates if one.standing}

    assert ratios["gathered"].high > 1.3  # on a busy machine, trials say little more
    assert ratios["copied"].high > 1.3
    assert amount(experiment, "gathered", "wal_bytes") < amount(experiment, "baseline", "wal_bytes")


def test_gathered_calls_wait_for_each_other_at_a_pace(experiment: Experiment) -> None:
    waits = {}
    for name in ("baseline", "gathered"):
        adequacy = result(experiment, name).adequacy
        assert adequacy is not None
        waits[name] = {one.operation: one for one in adequacy.responses}["add"].p50_ns or 0.0

    # 500 calls a second over each of two connections: the median call of 50 waits for the 25 after it.
    assert waits["gathered"] > waits["baseline"] + 0.02e9


def test_plans_of_gathered_and_unprepared_calls_are_known_and_copies_have_none(experiment: Experiment) -> None:
    planned = {one.name: {plan.operation for plan in one.plans if plan.plan} for one in experiment.candidates}

    assert "add" in planned["gathered"] & planned["unprepared"] & planned["baseline"]
    assert "add" not in planned["copied"] | planned["binary"]


LISTS: list[list[object] | tuple[object, ...]] = [[], (), [1, "a", None], [[]], [{"a": []}], [1, 2], ["x"]]
"""What a list may hold."""
LOG = """\
CREATE DOMAIN document AS jsonb;
CREATE TABLE log (
    id bigint PRIMARY KEY, body jsonb, plain json, own document, wanted jsonb,
    CHECK (body = wanted AND plain::jsonb = wanted AND own = wanted)
);
CREATE TABLE noted (
    id bigint PRIMARY KEY, several jsonb[], numbers int[], wanted jsonb,
    CHECK (to_jsonb(several) = wanted AND numbers = '{}')
);
"""
LOGGING = """\
-- name: add
INSERT INTO log VALUES (:id::bigint, :body, :plain, :own, :wanted);
-- name: note
INSERT INTO noted VALUES (:id::bigint, :several, :numbers, :wanted);
"""
GATHERED_LOG = """\
-- name: add
-- batch: 5
INSERT INTO log SELECT * FROM unnest(:id::bigint[], :body::jsonb[], :plain::json[], :own::document[], :wanted::jsonb[]);
"""
COPIED_LOG = "-- name: add\n-- batch: 5\nCOPY log (wanted, id, body, own, plain) FROM STDIN;\n"
LOGS = {
    "baseline": LOG,
    "gathered": LOG + GATHERED_LOG,
    "copied": LOG + COPIED_LOG,
    "binary": LOG.replace("own document", "own jsonb") + COPIED_LOG.replace("STDIN", "STDIN (FORMAT binary)"),
    "unprepared": LOG + LOGGING.partition("-- name: note")[0].replace("add\n", "add\n-- prepare: never\n"),
}


def logged(_: str, random: Random) -> Iterator[Call]:
    """Yield calls with lists for JSON, for arrays of JSON and for other arrays."""
    number = random.randrange(1 << 60)
    while True:
        number += 1
        value = LISTS[number % len(LISTS)]
        yield Call("add", {"id": number, "body": value, "plain": value, "own": value, "wanted": Jsonb(value)})
        if number % 3 == 0:
            yield Call("note", {"id": number, "several": value, "numbers": [], "wanted": Jsonb(value)})


def test_a_list_is_what_its_parameter_holds_however_it_is_sent(laboratory: Laboratory) -> None:
    found = laboratory.rank(
        operations=LOGGING,
        candidates=LOGS,
        writers=[Writer(name="logging", kind="stream", weight=20, clients=2)],
        burst=logged,
        budget_s=0.5,
        calls=200,
    )

    assert {one.name: (one.status, one.reason) for one in found.candidates} == dict.fromkeys(LOGS, ("ranked", ""))


def test_a_unique_violation_is_repeated_where_its_author_says_so(laboratory: Laboratory) -> None:
    operations = """\
-- name: enter
-- retry: 23505
INSERT INTO entered SELECT coalesce(max(id), 0) + 1 FROM entered, pg_sleep(0.002);
"""
    found = laboratory.rank(
        operations=operations,
        candidates={"baseline": "CREATE TABLE entered (id bigint PRIMARY KEY);\n"},
        writers=[Writer(name="entering", kind="stream", weight=1, clients=4)],
        burst=lambda *_: iter(lambda: Call("enter", {}), None),
        budget_s=0.3,
        calls=60,
    )

    assert {one.reason for one in result(found, "baseline").retries} == {"unique violation (23505)"}


def test_a_unique_violation_fails_the_candidate_otherwise(laboratory: Laboratory) -> None:
    with pytest.raises(CandidateError, match="duplicate key"):
        laboratory.rank(
            operations="-- name: enter\n-- batch: 2\nCOPY entered (id) FROM STDIN;\n",
            candidates={"baseline": "CREATE TABLE entered (id bigint PRIMARY KEY);\n"},
            writers=[Writer(name="entering", kind="stream", weight=2, clients=1)],
            burst=lambda *_: iter(lambda: Call("enter", {"id": 1}), None),
            budget_s=0.3,
        )


@pytest.mark.parametrize("round_trip_s", [0.05, pytest.param(0.1, marks=pytest.mark.thorough)])
def test_a_row_is_held_over_as_many_round_trips_as_a_transaction_has_statements(
    laboratory: Laboratory, round_trip_s: float
) -> None:
    statements, calls = 3, 8
    update = "UPDATE counter SET n = n + 1 WHERE id = 1;\n"
    found = laboratory.rank(
        operations="-- name: count\n" + update * statements,
        candidates={"baseline": COUNTER},
        writers=[Writer(name="counting", kind="stream", weight=1, clients=4)],
        burst=lambda *_: iter(lambda: Call("count", {}), None),
        budget_s=3.0,
        calls=calls,
        round_trip_s=round_trip_s,
    )
    least_s = min(trial.duration_s for trial in result(found, "baseline").trials if not trial.warmup)

    assert found.round_trip_s == round_trip_s
    # The row is locked from the first statement to the commit: as many round trips as there are statements. A busy
    # machine makes trials longer, and none shorter; of one statement more, they would take a third longer.
    assert 0.95 < least_s / (calls * statements * round_trip_s) < 1.3


def test_a_copy_that_waits_for_its_rows_can_be_given_up(laboratory: Laboratory) -> None:
    conninfo = laboratory.server.conninfo_for("postgres")
    session = Session.open(conninfo)
    session.query("CREATE TEMPORARY TABLE given_up (id int)")
    session.connection.send_query(b"COPY given_up (id) FROM STDIN")
    session.connection.flush()
    while session.connection.is_busy():
        session.connection.consume_input()

    assert stop([session])
    assert session.query("SELECT count(*) FROM given_up").get_value(0, 0) == b"0"
    session.close()


@pytest.mark.parametrize("round_trip_s", [0.0, 0.05])
def test_a_copy_that_is_refused_ends_the_candidate_and_leaves_no_session_behind(
    laboratory: Laboratory, round_trip_s: float
) -> None:
    with pytest.raises(CandidateError, match="invalid input syntax"):
        laboratory.rank(
            operations="-- name: enter\n-- batch: 10\nCOPY wrong (id) FROM STDIN;\n",
            candidates={"baseline": "CREATE TABLE wrong (id int);\n"},
            writers=[Writer(name="entering", kind="stream", weight=40, clients=4)],
            burst=lambda *_: iter(lambda: Call("enter", {"id": "x"}), None),
            budget_s=0.3,
            round_trip_s=round_trip_s,
        )


def test_dicts_and_lists_of_dicts_arrive_as_json_however_they_are_sent(laboratory: Laboratory) -> None:
    values: list[object] = [{"kind": 'it\'s "a" \\ click', "tags": ["é", None]}, [{"of": 1}, {}], {}]
    encode = Encoder({})
    sent = [encode("log", {"event": value})["event"] for value in values]
    with opened(laboratory.server.conninfo_for("postgres")) as connection:
        connection.execute("CREATE TEMPORARY TABLE log (number serial, event jsonb)")
        for value in sent:
            connection.execute(
                "INSERT INTO log (event) VALUES (%s::text::jsonb)", [str(value, "utf-8") if value else ""]
            )
        array = as_array(sent).decode()
        connection.execute("INSERT INTO log (event) SELECT * FROM unnest(%s::text::jsonb[])", [array])
        with connection.cursor().copy("COPY log (event) FROM STDIN") as copy:
            for part in as_rows([value] for value in sent):
                copy.write(part)
        jsonb = connection.adapters.types["jsonb"].oid
        with connection.cursor().copy("COPY log (event) FROM STDIN (FORMAT binary)") as copy:
            for part in as_binary_rows([[value] for value in sent], [jsonb]):
                copy.write(part)
        found = connection.execute("SELECT event FROM log ORDER BY number").fetchall()

    assert [event for (event,) in found] == values * 4


def test_arrays_and_rows_hold_what_was_encoded(laboratory: Laboratory) -> None:
    server: Server = laboratory.server
    encode = Encoder({})
    values = [*(encode("x", {"v": one})["v"] for one in ODD), None]
    with opened(server.conninfo_for("postgres")) as connection:
        pgconn = connection.pgconn
        array = pgconn.exec_params(b"SELECT v, v IS NULL FROM unnest($1::text[]) AS v", [as_array(values)])
        connection.execute("CREATE TEMPORARY TABLE copied (number serial, v text)")
        with connection.cursor().copy("COPY copied (v) FROM STDIN") as copy:
            for chunk in as_rows([one] for one in values):
                copy.write(chunk)
        rows = [row[0] for row in connection.execute("SELECT v FROM copied ORDER BY number")]

    assert array.status == ExecStatus.TUPLES_OK
    assert [array.get_value(row, 0) for row in range(array.ntuples)] == values
    assert [None if one is None else str(one).encode() for one in rows] == values
