"""Candidates beside the workload's model on a real server: who agrees, who does not, and what becomes of them."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import laboratory
import mutants
import psycopg
import pytest
from hypothesis import strategies as st

from schemabench import Call, Model, Workload, Writer, workload
from schemabench.candidate import Candidate
from schemabench.equivalence import EFFORTS, Checked, Oracle, scratch
from schemabench.errors import CandidateError, WorkloadError
from schemabench.experiment import Plan, measure
from schemabench.progress import Shown, Silence
from schemabench.records import CandidateResult, Experiment
from schemabench.server import Database, Server
from schemabench.workload import Found, Row

PATIENT = replace(EFFORTS["quick"], search_s=mutants.PATIENT_S, shrink_s=mutants.PATIENT_S)
BRIEF = replace(PATIENT, sequences=3)

SCHEMA = "CREATE TABLE item (key text PRIMARY KEY, value bigint);\n"
OPERATIONS = """\
-- name: put
INSERT INTO item VALUES (:key::text, :value::bigint) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
-- name: swap
UPDATE :"table" SET value = -value WHERE key = :key::text;
SELECT value FROM item WHERE key = :key::text;
-- name: items
SELECT key, value FROM item ORDER BY key COLLATE "C";
"""
WITH_ROWS = f"""\
{SCHEMA}CREATE TABLE kind AS SELECT 'item' AS name;
-- name: put
INSERT INTO item SELECT :key::text, :value::bigint FROM kind
ON CONFLICT (key) DO UPDATE SET value = excluded.value;
"""  # noqa: S608 (SQL of our own)
"""Nothing is written once the row of the schema's own is gone."""
REFUSING = """\
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent);
CREATE MATERIALIZED VIEW number AS SELECT id FROM child;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$never$$; END';
CREATE TRIGGER refuse BEFORE DELETE ON child FOR EACH ROW EXECUTE FUNCTION refuse();
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1);
REFRESH MATERIALIZED VIEW number;
"""
State = dict[str, int | None]


def apply(state: State, call: Call) -> Sequence[Row] | None:
    """Execute a call on the model."""
    key, value = str(call.values["key"]), call.values.get("value")
    if call.operation == "put":
        assert value is None or isinstance(value, int)
        state[key] = value
        return None
    if key in state and (known := state[key]) is not None:
        state[key] = -known
    return [(state[key],)] if key in state else []


def calls(_: object) -> "st.SearchStrategy[Call]":
    """Return puts, of NULL and of the largest number too, and swaps."""
    keys, values = st.sampled_from("äb'"), st.sampled_from((1, None, 0, 2**63 - 1))
    puts = st.fixed_dictionaries({"key": keys, "value": values}).map(lambda values: Call("put", values))
    return puts | keys.map(lambda key: Call("swap", {"key": key}))


def rows(state: State) -> dict[str, Sequence[Row]]:
    """Return the items in the order of their bytes."""
    return {"items": sorted(state.items(), key=lambda item: item[0].encode())}


@dataclass(frozen=True)
class Sizes:
    """The cardinality."""


MODEL: Model[Any, State] = Model(initial=dict, calls=calls, apply=apply, state=rows)
SHOP = Workload(
    name="shop",
    summary="items",
    cardinalities={"typical": Sizes()},
    writers=lambda _: (Writer(name="stream", kind="stream", weight=2, identifiers={"table": "item"}),),
    burst=lambda *_: iter(lambda: Call("put", {"key": "a", "value": 1}, key="a"), None),
    state=("items",),
    model=MODEL,
)


def _found(folder: Path, **changes: Any) -> Found:  # noqa: ANN401 (any field)
    return laboratory.found(folder, replace(SHOP, **changes), OPERATIONS)


def _candidates(folder: Path, **sources: str) -> tuple[Candidate, ...]:
    return laboratory.installable(folder / "schemas", {"baseline": SCHEMA, **sources})


def _checked(folder: Path, server: Server, sql: str, **changes: Any) -> Checked:  # noqa: ANN401 (any field)
    found = _found(folder, **changes)
    _, other = _candidates(folder, other=sql)
    return Oracle(found, None, PATIENT, seed=1).check(other, server)


@pytest.fixture(autouse=True)
def _tidy(server: Server) -> Any:  # noqa: ANN401 (a generator)
    """See that a check leaves no database behind."""
    before = server.databases
    yield
    assert server.databases == before


@pytest.mark.parametrize("name", workload.names(mutants.ROOT / "workloads"))
def test_every_shipped_candidate_agrees_with_its_model(server: Server, name: str) -> None:
    found = mutants.found(name)
    oracle = Oracle(found, found.workload.cardinalities["typical"], BRIEF, seed=2)
    checked = {one.name: oracle.check(one, server) for one in mutants.shipped(name).values()}

    assert {which: one.reason for which, one in checked.items()} == dict.fromkeys(checked, "")
    assert {one.record.sequences for one in checked.values()} == {BRIEF.sequences}


def test_a_candidate_that_agrees_is_told_how_often_it_was_asked(tmp_path: Path, server: Server) -> None:
    checked = _checked(tmp_path, server, SCHEMA.replace(";", " WITH (fillfactor = 50);"))

    assert (checked.disagreement, checked.reason) == (None, "")
    assert (checked.record.agrees, checked.record.complete) == (True, True)
    assert checked.record.sequences == PATIENT.sequences
    assert checked.record.calls == PATIENT.sequences * PATIENT.length


def test_documents_of_calls_are_sent_as_they_are_in_bursts(tmp_path: Path, server: Server) -> None:
    def told(call: Call) -> Call:
        return Call(call.operation, {**call.values, "key": json.dumps(call.values["key"])})

    model = Model(
        initial=dict,
        calls=lambda _: st.builds(lambda n: Call("put", {"key": {"a": [n]}, "value": n}), st.integers(1, 3)),
        apply=lambda state, call: apply(state, told(call)),
        state=rows,
    )

    assert _checked(tmp_path, server, SCHEMA, model=model).reason == ""


LISTED = f"""\
{SCHEMA}-- name: put
INSERT INTO item VALUES (:key::jsonb::text, :value::bigint) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
"""  # noqa: S608 (SQL of our own)
LISTED_GATHERED = f"""\
{SCHEMA}-- name: put
-- batch: 4
INSERT INTO item SELECT DISTINCT ON (key) key::text, value
FROM unnest(:key::jsonb[], :value::bigint[]) WITH ORDINALITY AS i (key, value, n) ORDER BY key, n DESC
ON CONFLICT (key) DO UPDATE SET value = excluded.value;
"""  # noqa: S608 (SQL of our own)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (LISTED, ""),
        (LISTED_GATHERED, ""),
        (LISTED.replace("value = excluded.value", "value = item.value"), r"VALUES \( ?'\[.*\]'(::jsonb)+::text"),
    ],
    ids=["alone", "gathered", "wrong"],
)
def test_lists_of_calls_are_json_where_a_candidate_takes_json(
    tmp_path: Path, server: Server, sql: str, said: str
) -> None:
    def told(call: Call) -> Call:
        return Call(call.operation, {**call.values, "key": json.dumps(call.values["key"])})

    keys, values = st.sampled_from(([], [1, "a"], [[]])), st.integers(1, 3)
    model = Model(
        initial=dict,
        calls=lambda _: st.builds(lambda key, n: Call("put", {"key": key, "value": n}), keys, values),
        apply=lambda state, call: apply(state, told(call)),
        state=rows,
    )
    reason = _checked(tmp_path, server, sql, model=model).reason

    assert re.search(said, reason) if said else not reason


def test_a_value_of_a_model_that_cannot_be_sent_is_the_workloads_fault(tmp_path: Path, server: Server) -> None:
    model = replace(MODEL, calls=lambda _: st.just(Call("put", {"key": object(), "value": 1})))

    with pytest.raises(WorkloadError, match="A value of 'put' cannot be sent: :key is of type 'object'"):
        _checked(tmp_path, server, SCHEMA, model=model)


def test_wrong_rows_wrong_answers_and_refusals_are_disagreements(tmp_path: Path, server: Server) -> None:
    wrong: dict[str, Callable[[str], str]] = {
        "rows": lambda sql: sql.replace("value = excluded.value", "value = item.value"),
        "answers": lambda sql: sql.replace("SELECT value FROM item", "SELECT abs(value) FROM item"),
    }
    blocks = {name: SCHEMA + change(OPERATIONS) for name, change in wrong.items()}
    _, answers, refused, wrong_rows = _candidates(tmp_path, **blocks, refused=SCHEMA.replace("bigint", "integer"))
    oracle = Oracle(_found(tmp_path), None, PATIENT, seed=1)

    assert "the rows of 'items' differ" in oracle.check(wrong_rows, server).reason
    assert "after 2 calls, the answer of 'swap' differs" in oracle.check(answers, server).reason
    assert "after 1 call, 'put' is refused: integer out of range" in oracle.check(refused, server).reason


def test_a_query_that_is_refused_is_named_and_is_part_of_what_reproduces_it(tmp_path: Path, server: Server) -> None:
    overflowing = f"""{SCHEMA}-- name: items
SELECT key, value + 0 * (value + 1) AS value FROM item ORDER BY key COLLATE "C";
"""  # noqa: S608 (SQL of our own)
    reason = _checked(tmp_path, server, overflowing).reason

    assert "after 1 call, 'items' is refused: bigint out of range" in reason
    assert reason.endswith(
        '-- 2. items\nSELECT key, value + 0 * (value + 1) AS value FROM item ORDER BY key COLLATE "C";'
    )


GATHERED = f"""\
{SCHEMA}-- name: put
-- batch: 4
INSERT INTO item SELECT * FROM unnest(:key::text[], :value::bigint[])
ON CONFLICT (key) DO UPDATE SET value = excluded.value;
"""  # noqa: S608 (SQL of our own)
LAST_WINS = GATHERED.replace(
    "SELECT *",
    "SELECT DISTINCT ON (key) key, value",
).replace(":value::bigint[])", ":value::bigint[]) WITH ORDINALITY AS i (key, value, n) ORDER BY key, n DESC")
COPYING = f"""\
{SCHEMA}CREATE TABLE arrived (n bigint GENERATED ALWAYS AS IDENTITY, key text, value bigint);
CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO item VALUES (NEW.key, NEW.value) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
    RETURN NULL;
END $$;
CREATE TRIGGER put BEFORE INSERT ON arrived FOR EACH ROW EXECUTE FUNCTION put();
-- name: put
-- batch: 4
COPY arrived (key, value) FROM STDIN;
"""  # noqa: S608 (SQL of our own)


def test_gathered_calls_are_checked_together(tmp_path: Path, server: Server) -> None:
    oracle = Oracle(_found(tmp_path), None, PATIENT, seed=1)
    binary = COPYING.replace("STDIN", "STDIN (FORMAT binary)")
    _, in_binary, copying, gathered, last_wins = _candidates(
        tmp_path, binary=binary, copying=COPYING, gathered=GATHERED, last_wins=LAST_WINS
    )
    refused = oracle.check(gathered, server)

    checked = oracle.check(last_wins, server)
    assert checked.reason == ""
    assert checked.record.calls < PATIENT.sequences * PATIENT.length, "rows are compared once for each request"
    assert oracle.check(copying, server).reason == ""
    assert oracle.check(in_binary, server).reason == ""
    assert "after 2 calls, 'put' is refused: ON CONFLICT DO UPDATE command cannot affect row a second" in refused.reason
    assert refused.disagreement is not None
    assert [len(request) for request in refused.disagreement.requests] == [2]


def test_a_schema_that_comes_with_rows_begins_with_them_every_time(tmp_path: Path, server: Server) -> None:
    found = _found(tmp_path)
    _, other = _candidates(tmp_path, other=WITH_ROWS)
    checked = Oracle(found, None, BRIEF, seed=1).check(other, server)

    assert checked.reason == ""
    assert checked.record.sequences == BRIEF.sequences


@pytest.mark.parametrize(
    "moved", ["SELECT setval('number', 999);", "ALTER SEQUENCE number RESTART WITH 1000;"], ids=["set", "restarted"]
)
def test_a_sequence_begins_where_the_schema_leaves_it_every_time(tmp_path: Path, server: Server, moved: str) -> None:
    number = "CREATE SEQUENCE number;\nALTER TABLE item ADD n bigint DEFAULT nextval('number') CHECK (n > 999);"
    checked = _checked(tmp_path, server, f"{SCHEMA}{number}\n{moved}\n")

    assert (checked.disagreement, checked.reason) == (None, "")


def test_what_a_schema_sets_ends_with_its_installation_as_it_does_in_a_trial(tmp_path: Path, server: Server) -> None:
    dumped = "SELECT pg_catalog.set_config('search_path', '', false);\n" + SCHEMA.replace(" item ", " public.item ")

    assert _checked(tmp_path, server, dumped).reason == ""


def test_the_same_seed_finds_the_same_counterexample(tmp_path: Path, server: Server) -> None:
    _, other = _candidates(tmp_path, other=SCHEMA.replace("bigint", "integer"))
    reasons = {Oracle(_found(tmp_path), None, PATIENT, seed=5).check(other, server).reason for _ in range(2)}

    assert len(reasons) == 1


def test_sql_that_is_wrong_whatever_is_called_is_an_error_at_its_place(tmp_path: Path, server: Server) -> None:
    with pytest.raises(CandidateError, match='relation "item" does not exist') as caught:
        _checked(tmp_path, server, SCHEMA.replace("item", "thing"))

    assert caught.value.where is not None
    assert caught.value.where.path.name == "operations.sql"
    assert caught.value.sqlstate == "42P01"


def test_a_candidate_that_ends_its_own_session_fails_and_not_the_server(tmp_path: Path, server: Server) -> None:
    ends_itself = SCHEMA + "-- name: put\nSELECT pg_terminate_backend(pg_backend_pid()), :key::text, :value::bigint;\n"

    with pytest.raises(CandidateError, match="terminating connection") as caught:
        _checked(tmp_path, server, ends_itself)

    assert caught.value.sqlstate == "57P01"


def test_a_call_that_never_ends_is_refused(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "STATEMENT_LIMIT_S", 0.2)
    endless = SCHEMA + "-- name: put\nSELECT pg_sleep(60), :key::text, :value::bigint;\n"

    assert (
        "'put' is refused: canceling statement due to statement timeout" in _checked(tmp_path, server, endless).reason
    )


def test_a_model_that_fails_is_the_workloads_fault(tmp_path: Path, server: Server) -> None:
    def fail(_: State, call: Call) -> Sequence[Row] | None:
        raise KeyError(call.operation)

    with pytest.raises(WorkloadError, match="model failed: KeyError"):
        _checked(tmp_path, server, SCHEMA, model=replace(MODEL, apply=fail))


def _experiment(folder: Path, server: Server, *, found: Found | None = None, **sources: str) -> Experiment:
    plan = Plan(
        found=found or _found(folder),
        cardinality="typical",
        candidates=_candidates(folder, **sources),
        clients=1,
        budget_s=0.0,
        precision=0.01,
        seed=1,
        equivalence="quick",
    )
    return measure(plan, server, _Stages())


class _Stages(Silence):
    """Whoever watches."""

    said: list[str]

    def __init__(self) -> None:
        _Stages.said = []

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Hear what is done."""
        super().stage(plan, text, elapsed_s)
        assert plan
        self.said.append(text)


def _results(experiment: Experiment) -> dict[str, CandidateResult]:
    return {result.name: result for result in experiment.candidates}


def test_who_disagrees_is_disqualified_before_it_is_measured_and_the_others_go_on(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemabench.experiment.building.equivalence.EFFORTS", {"quick": PATIENT})
    unlogged = SCHEMA.replace("TABLE", "UNLOGGED TABLE")
    found = _results(_experiment(tmp_path, server, narrow=SCHEMA.replace("bigint", "integer"), unlogged=unlogged))
    narrow, checks = found["narrow"], {name: result.equivalence for name, result in found.items()}

    assert {name: result.status for name, result in found.items()} == {
        "baseline": "ranked",
        "narrow": "disqualified",
        "unlogged": "ranked",
    }
    assert narrow.reason.startswith("it fails the model check: after 1 call, 'put' is refused")
    assert "INSERT INTO item VALUES (" in narrow.reason
    assert narrow.trials == ()
    assert {name: check.agrees for name, check in checks.items() if check} == {
        "baseline": True,
        "narrow": False,
        "unlogged": True,
    }
    assert [notice.code for notice in found["unlogged"].notices] == ["unlogged-tables"]
    assert "unlogged: item" in found["unlogged"].notices[0].text
    assert _Stages.said[:3] == ["drawing calls for the workload's model", "checking baseline", "building baseline"]
    assert "building narrow" not in _Stages.said


def test_a_baseline_that_disagrees_ends_the_experiment(tmp_path: Path, server: Server) -> None:
    with pytest.raises(CandidateError, match="The baseline fails the model check: after ") as caught:
        _experiment(tmp_path, server, baseline=SCHEMA.replace("bigint", "integer"))

    assert any("the model is wrong, fix that of the workload 'shop'" in remedy for remedy in caught.value.remedies)


def test_a_workload_without_a_model_runs_with_a_notice(tmp_path: Path, server: Server) -> None:
    experiment = _experiment(tmp_path, server, found=_found(tmp_path, model=None))

    assert [result.status for result in experiment.candidates] == ["ranked"]
    assert "equivalence-not-checked" in {notice.code for notice in experiment.notices}
    assert experiment.candidates[0].equivalence is None


@pytest.mark.parametrize("role", ["postgres", "plain_maker"])
def test_a_database_is_emptied_whatever_its_tables_refuse(server: Server, database: Database, role: str) -> None:
    with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
        if role != "postgres":
            connection.execute("CREATE ROLE plain_maker")
        connection.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
        connection.execute(f"SET ROLE {role}")
        connection.execute(REFUSING)
        assert [name.as_string() for _, name in scratch._filled(connection)] == [
            '"public"."parent"',
            '"public"."child"',
            '"public"."number"',
        ]
        scratch._empty(connection)

        assert scratch._filled(connection) == []
        assert connection.execute("SHOW session_replication_role").fetchone() == ("origin",)
        connection.execute("RESET ROLE")
        if role != "postgres":
            connection.execute("DROP OWNED BY plain_maker; DROP ROLE plain_maker")
