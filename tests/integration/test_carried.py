"""What an operation carries from one statement to the next, takes from each call, and does after an error."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from random import Random

import pytest
import servers
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.errors import CandidateError, UsageError, WorkloadError
from schemabench.experiment import gates
from schemabench.load.pipeline import ENDED
from schemabench.records import CandidateResult, Experiment

QUICKLY = {"autovacuum": "off", "synchronous_commit": "off"}
ORDERS = """\
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int NOT NULL);
CREATE TABLE line (order_id bigint NOT NULL REFERENCES orders, item text NOT NULL);
"""
PLACE = """\
-- name: place
-- as: placed
INSERT INTO orders (customer) VALUES (:customer::int) RETURNING id, customer * 10 AS "Tens";
INSERT INTO line VALUES (:placed.id::bigint, :item::text);
-- name: lines
SELECT customer, count(*), count(DISTINCT order_id) FROM orders JOIN line ON order_id = orders.id GROUP BY 1 ORDER BY 1;
"""
STOCK = "CREATE TABLE stock (id int PRIMARY KEY, version int NOT NULL);\nINSERT INTO stock VALUES (1, 0);\n"
OPTIMISTIC = """\
-- name: sell
-- retry: P0002
-- as: seen
SELECT version FROM stock WHERE id = :id::int;
-- as: sold
UPDATE stock SET version = version + 1 WHERE id = :id::int AND version = :seen.version RETURNING version;
"""
JOBS = "CREATE TABLE job (id int PRIMARY KEY, done int NOT NULL DEFAULT 0);\nINSERT INTO job VALUES (1);\n"
TAKE = """\
-- name: take
-- as: taken
-- if none: stop
SELECT id FROM job WHERE id = :id::int FOR UPDATE;
UPDATE job SET done = done + 1 WHERE id = :taken.id;
-- name: done
SELECT id, done FROM job ORDER BY id;
"""
ENTER = "-- name: enter\n-- accept: 23505\nINSERT INTO entered VALUES (:id::int);\n"
KEYS = "CREATE TABLE entered (id int PRIMARY KEY);\n"
PARTS = "CREATE TABLE event (day date NOT NULL, n int NOT NULL) PARTITION BY RANGE (day);\n"
ROTATE = """\
-- name: rotate
CREATE TABLE :"partition" PARTITION OF event FOR VALUES FROM (:'day') TO (:'next');
INSERT INTO :"partition" VALUES (:day::date, 1);
-- name: days
SELECT count(*) > 0, count(*) = count(DISTINCT tableoid) FROM event;
"""


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with servers.serving("embedded", settings=QUICKLY, clients=32, run_id="carried") as server:
        yield Laboratory(server=server, folders=tmp_path_factory)


def repeated(call: Call) -> Callable[[str, Random], Iterator[Call]]:
    return lambda *_: iter(lambda: call, None)


def rank(  # noqa: PLR0913, PLR0917 (what is measured)
    laboratory: Laboratory,
    operations: str,
    schema: str,
    burst: Callable[[str, Random], Iterator[Call]],
    state: tuple[str, ...] = (),
    writer: Writer | None = None,
) -> Experiment:
    """Return what an experiment found of one candidate with four connections."""
    return laboratory.rank(
        operations=operations,
        candidates={"baseline": schema},
        writers=[writer or Writer(name="writing", kind="stream", weight=4, clients=4)],
        burst=burst,
        budget_s=0.3,
        calls=200,
        state=state,
    )


def baseline(experiment: Experiment) -> CandidateResult:
    return result(experiment, "baseline")


@pytest.mark.parametrize("sent", ["-- prepare: always", "-- prepare: never", "-- transaction: 10"])
def test_a_generated_id_is_carried_to_the_next_statement(laboratory: Laboratory, sent: str) -> None:
    operations = PLACE.replace("-- as:", f"{sent}\n-- as:")
    found = rank(laboratory, operations, ORDERS, repeated(Call("place", {"customer": 1, "item": "a"})), ("lines",))

    assert baseline(found).status == "ranked"
    assert sum(1 for one in baseline(found).plans if one.plan) == 2, "both statements have been explained"


def test_a_column_that_the_row_does_not_have_is_told(laboratory: Laboratory) -> None:
    with pytest.raises(CandidateError, match=r"'placed' has no column 'number'[\s\S]*columns: id, Tens"):
        rank(
            laboratory,
            PLACE.replace(":placed.id", ":placed.number"),
            ORDERS,
            repeated(Call("place", {"customer": 1, "item": "a"})),
        )


def test_an_optimistic_version_is_read_again_after_a_conflict(laboratory: Laboratory) -> None:
    found = baseline(rank(laboratory, OPTIMISTIC, STOCK, repeated(Call("sell", {"id": 1}))))

    assert {(one.operation, one.reason) for one in found.retries} == {("sell", "no data found (P0002)")}


def test_a_missing_row_fails_the_candidate_and_says_what_production_may_do(laboratory: Laboratory) -> None:
    with pytest.raises(
        CandidateError, match=r"'seen' has no row, not one[\s\S]*-- retry: P0002[\s\S]*-- accept: P0002"
    ):
        rank(laboratory, OPTIMISTIC.replace("-- retry: P0002\n", ""), STOCK, repeated(Call("sell", {"id": 2})))


def test_a_missing_row_ends_the_operation_where_its_author_says_so(laboratory: Laboratory) -> None:
    def burst(_: str, random: Random) -> Iterator[Call]:
        while True:
            yield Call("take", {"id": random.choice([1, 2])})

    found = baseline(rank(laboratory, TAKE, JOBS, burst, ("done",)))

    assert found.status == "ranked"
    assert not found.retries


def test_several_rows_are_not_one(laboratory: Laboratory) -> None:
    with pytest.raises(CandidateError, match="'seen' has 2 rows, not one"):
        rank(
            laboratory,
            OPTIMISTIC.replace(" WHERE id = :id::int;", " WHERE :id::int > 0;"),
            STOCK.replace("(1, 0)", "(1, 0), (2, 0)"),
            repeated(Call("sell", {"id": 1})),
        )


@pytest.mark.parametrize("others", ["", "SELECT 1;\n"])
@pytest.mark.parametrize("sent", ["", "-- pipeline: 10\n", "-- prepare: never\n"])
def test_an_accepted_error_ends_the_call_and_is_counted(
    laboratory: Laboratory, others: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "SATURATED_SHARE", 1.0)  # pipelined, such short calls may keep the load generator busy
    operations = ENTER.replace("-- accept", f"{sent}-- accept") + others
    found = baseline(rank(laboratory, operations, KEYS, repeated(Call("enter", {"id": 1}))))

    trials = [trial for trial in found.trials if not trial.warmup]
    (accepted,) = found.accepted
    assert (accepted.operation, accepted.reason) == ("enter", "unique violation (23505)")
    assert accepted.count == accepted.calls == sum(trial.operations for trial in trials)
    assert sum(trial.accepted for trial in trials) == accepted.count
    assert {trial.rows for trial in trials} == {0}, "nothing of them remains"
    assert {one.reason for one in found.retries} <= {ENDED}
    assert [one.text for one in found.notices if one.code == "accepted-errors"] != []


def test_all_calls_of_an_accepted_batch_are_counted(laboratory: Laboratory) -> None:
    operations = "-- name: enter\n-- accept: 23505\n-- batch: 10\nINSERT INTO entered SELECT unnest(:id::int[]);\n"
    found = baseline(rank(laboratory, operations, KEYS, repeated(Call("enter", {"id": 1}))))

    (accepted,) = found.accepted
    assert accepted.count == accepted.calls == 200 * sum(not trial.warmup for trial in found.trials)


def test_an_error_that_could_be_an_outcome_names_the_choice(laboratory: Laboratory) -> None:
    operations = "-- name: enter\nINSERT INTO entered VALUES (:id::int);\n"
    with pytest.raises(CandidateError, match=r"duplicate key[\s\S]*-- retry: 23505[\s\S]*-- accept: 23505"):
        rank(laboratory, operations, KEYS, repeated(Call("enter", {"id": 1})))


def test_tables_are_made_under_names_that_calls_give(laboratory: Laboratory) -> None:
    first = date(2000, 1, 1)

    def burst(*_: object) -> Iterator[Call]:
        for number in numbers:
            day = first + timedelta(days=number)
            names = {"partition": f'event "{number}"', "next": str(day + timedelta(days=1))}
            yield Call("rotate", {"day": str(day), **names})

    numbers = count()
    found = rank(
        laboratory, ROTATE, PARTS, burst, ("days",), Writer(name="rotating", kind="stream", weight=1, clients=1)
    )

    assert baseline(found).status == "ranked"


@pytest.mark.parametrize(("name", "shown"), [(None, "NULL"), ("", "''"), ("x" * 64, "'x*', of 64 bytes")])
def test_a_name_that_the_server_would_refuse_or_cut_is_told(
    laboratory: Laboratory, name: str | None, shown: str
) -> None:
    call = Call("rotate", {"partition": name, "day": "2001-01-01", "next": "2001-01-02"})
    with pytest.raises(WorkloadError, match=f'sets the identifier :"partition" to {shown}'):
        rank(laboratory, ROTATE, PARTS, repeated(call))


def test_a_name_that_nobody_gives_is_told(laboratory: Laboratory) -> None:
    call = Call("rotate", {"day": "2001-01-01", "next": "2001-01-02"})
    with pytest.raises(WorkloadError, match='Neither a writer nor a call sets the identifier :"partition"'):
        rank(laboratory, ROTATE, PARTS, repeated(call))


def test_rows_are_copied_into_a_table_that_the_call_names_and_an_error_may_be_accepted(laboratory: Laboratory) -> None:
    operations = """\
-- name: enter
-- accept: 23505
COPY :"table" (id) FROM STDIN;
-- name: found
SELECT id FROM entered;
"""
    found = baseline(
        rank(laboratory, operations, KEYS, repeated(Call("enter", {"table": "entered", "id": 1})), ("found",))
    )

    assert found.status == "ranked"
    assert {one.reason for one in found.accepted} == {"unique violation (23505)"}

    with pytest.raises((CandidateError, WorkloadError), match="binary format into a table whose name comes from each"):
        rank(
            laboratory,
            operations.replace("STDIN", "STDIN (FORMAT binary)"),
            KEYS,
            repeated(Call("enter", {"table": "entered", "id": 1})),
        )


def test_a_value_that_does_not_fit_a_binary_copy_is_told(laboratory: Laboratory) -> None:
    operations = "-- name: enter\nCOPY entered (id) FROM STDIN (FORMAT binary);\n"
    with pytest.raises(WorkloadError, match=r"'enter' cannot be copied in binary format[\s\S]*text format takes every"):
        rank(laboratory, operations, KEYS, repeated(Call("enter", {"id": "one"})))
    with pytest.raises(CandidateError, match='column "id" does not exist'):
        rank(laboratory, operations, KEYS.replace("id", "number"), repeated(Call("enter", {"id": 1})))


STEPS = """\
-- name: rotate
-- nothing
-- name: ids
SELECT id FROM entered;
"""
OWN_STEP = f"{KEYS}-- name: rotate\nDELETE FROM entered WHERE id = :id::int;\n"


def test_a_candidate_may_have_a_step_of_its_own_that_takes_values_of_the_call(laboratory: Laboratory) -> None:
    found = rank(laboratory, STEPS, OWN_STEP, repeated(Call("rotate", {"id": 1}, rows=0)), ("ids",))

    assert baseline(found).status == "ranked"
    assert {plan.operation for plan in baseline(found).plans if plan.plan} == {"rotate"}


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ("DELETE FROM entered WHERE id = :idd::int;", r"'rotate' has no value for :idd; did you mean 'id'\?"),
        ("SELECT :'idd';", r"'rotate' has no value for :idd; did you mean 'id'\?"),
        ("COPY entered (idd) FROM STDIN;", 'column "idd" does not exist'),
    ],
)
def test_a_step_of_a_candidates_own_that_takes_what_no_call_has_is_told(
    laboratory: Laboratory, own: str, told: str
) -> None:
    with pytest.raises(CandidateError, match=told):
        rank(laboratory, STEPS, f"{KEYS}-- name: rotate\n{own}\n", repeated(Call("rotate", {"id": 1}, rows=0)))


POLICY = """\
CREATE TABLE note (tenant text NOT NULL DEFAULT current_user, body text NOT NULL);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON note USING (tenant = current_user);
"""
NOTES = """\
-- name: write
INSERT INTO note (body) VALUES (:body::text);
-- name: tenants
SELECT DISTINCT tenant FROM note;
"""


def test_a_writer_with_a_role_meets_grants_and_policies(laboratory: Laboratory) -> None:
    writer = Writer(name="writing", kind="stream", weight=2, clients=2, role="tenant a")
    granted = POLICY + 'GRANT ALL ON note TO "tenant a";\n'
    found = rank(laboratory, NOTES, granted, repeated(Call("write", {"body": "x"})), ("tenants",), writer)
    assert baseline(found).status == "ranked"
    assert [one.role for one in found.writers] == ["tenant a"]

    with pytest.raises(CandidateError, match="row-level security policy"):
        rank(
            laboratory,
            NOTES.replace("(body) VALUES (", "(tenant, body) VALUES ('another', "),
            granted,
            repeated(Call("write", {"body": "x"})),
            writer=writer,
        )
    with pytest.raises(CandidateError, match=r"permission denied for table note[\s\S]*grant 'tenant a', as which"):
        rank(laboratory, NOTES, POLICY, repeated(Call("write", {"body": "x"})), writer=writer)


@pytest.mark.parametrize("how", ["", " (FORMAT binary)"])
def test_a_role_that_may_insert_alone_copies(laboratory: Laboratory, how: str) -> None:
    operations = f"-- name: write\n-- batch: 2\nCOPY note (body) FROM STDIN{how};\n"
    schema = 'CREATE TABLE note (body text NOT NULL);\nGRANT INSERT ON note TO "tenant a";\n'
    writer = Writer(name="writing", kind="stream", weight=2, clients=2, role="tenant a")

    found = rank(laboratory, operations, schema, repeated(Call("write", {"body": "x"})), writer=writer)

    assert baseline(found).status == "ranked"


PAGE = Path(__file__).parents[2] / "docs" / "sending.md"
EXAMPLES = """\
CREATE TABLE event (id bigint PRIMARY KEY, site text, bytes bigint);
CREATE TABLE reading (sensor int, measured_at timestamptz, value numeric);
CREATE TABLE account (id int PRIMARY KEY, name text);
CREATE TABLE stock (id int PRIMARY KEY, version int NOT NULL);
INSERT INTO stock VALUES (1, 0);
CREATE TABLE job (id int PRIMARY KEY, done_at timestamptz);
INSERT INTO job SELECT generate_series(1, 100);
CREATE TABLE hit (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE visit (id bigint, page text);
CREATE TABLE vote (id bigint, choice int);
"""


def test_the_examples_of_the_page_are_executed(laboratory: Laboratory) -> None:
    operations = "\n".join(re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    numbers = count()

    def burst(*_: object) -> Iterator[Call]:
        for number in numbers:
            day = date(2000, 1, 1) + timedelta(days=number)
            partition = {"partition": f"hit_{day}"}
            yield Call("insert_event", {"id": number, "site": "a", "bytes": 1})
            yield Call("insert_reading", {"sensor": 1, "measured_at": day, "value": number})
            yield Call("insert_visit", {"id": number, "page": "a"})
            yield Call("insert_vote", {"id": number, "choice": 1})
            yield Call("register", {"name": "a"})
            yield Call("rotate", {})
            yield Call("place_order", {"customer": 1, "item": "a"})
            yield Call("sell", {"id": 1})
            yield Call("take_job", {})
            yield Call("add_partition", {**partition, "first_day": day, "next_day": day + timedelta(days=1)})
            yield Call("detach_partition", partition)

    found = rank(
        laboratory,
        operations,
        ORDERS + EXAMPLES,
        burst,
        writer=Writer(name="all", kind="stream", weight=11, clients=1),
    )

    assert baseline(found).status == "ranked"
    called = {"insert_event", "insert_reading", "insert_visit", "insert_vote", "register", "rotate", "place_order"}
    assert {one.operation for one in baseline(found).latencies} == {
        *called,
        "sell",
        "take_job",
        "add_partition",
        "detach_partition",
    }


@pytest.mark.parametrize("role", ["pg_own", "r" * 64])
def test_a_role_that_the_server_would_refuse_or_cut_is_told(laboratory: Laboratory, role: str) -> None:
    writer = Writer(name="writing", kind="stream", weight=2, clients=2, role=role)
    with pytest.raises(UsageError, match="cannot be the name of a role"):
        rank(laboratory, NOTES, POLICY, repeated(Call("write", {"body": "x"})), writer=writer)
