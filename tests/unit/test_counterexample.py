"""Disagreements in words, and as SQL that can be run again."""

from datetime import date
from pathlib import Path

import pytest
from made_up import candidates

from schemabench import Call, sqlfile
from schemabench.equivalence.counterexample import Disagreement, described, script
from schemabench.errors import WorkloadError
from schemabench.statements import Operation
from schemabench.workload import Parts, Row

OPERATIONS = """\
-- name: put
INSERT INTO item VALUES (:key::text, :amounts::bigint[], :day::date) -- the last one
;
-- name: move
UPDATE :"table" SET key = :target WHERE key = :source AND ':key' <> :source;
DELETE FROM item WHERE key = :source
-- name: items
SELECT key FROM item ORDER BY key;
"""
PUT = Call("put", {"key": "größe's \\", "amounts": [1, 2**63 - 1], "day": date(2026, 2, 28)})
MOVE = Call("move", {"source": None, "target": "b"})


def _operations(tmp_path: Path) -> dict[str, Operation]:
    return dict(sqlfile.parse(tmp_path / "operations.sql", OPERATIONS, WorkloadError).operations)


def _disagreement(
    *calls: Call, query: str = "", expected: tuple[Row, ...] | None = (), found: tuple[Row, ...] | str = ()
) -> Disagreement:
    return Disagreement(requests=tuple((call,) for call in calls), query=query, expected=expected, found=found)


def test_values_stand_in_the_sql_as_literals(tmp_path: Path) -> None:
    text = script(_disagreement(PUT), _operations(tmp_path), Parts())

    assert text == (
        "-- 1. put\n"
        "INSERT INTO item VALUES ( E'größe''s \\\\'::text, '{1,9223372036854775807}'::int8[]::bigint[], "
        "'2026-02-28'::date::date) -- the last one\n"
        ";"
    )


def test_several_statements_are_one_transaction_and_identifiers_are_quoted(tmp_path: Path) -> None:
    text = script(_disagreement(MOVE), _operations(tmp_path), Parts(shared={"table": 'it"em'}))

    assert text == (
        "-- 1. move\n"
        "BEGIN;\n"
        "UPDATE \"it\"\"em\" SET key = 'b' WHERE key = NULL AND ':key' <> NULL;\n"
        "DELETE FROM item WHERE key = NULL;\n"
        "COMMIT;"
    )


GATHERED = """\
-- name: put
-- batch: 2
INSERT INTO item SELECT * FROM unnest(:key::text[], :n::int[]);
-- name: load
-- batch: 2
COPY item (n, key) FROM STDIN;
-- name: place
-- as: placed
INSERT INTO item VALUES (:key::text) RETURNING id;
CREATE TABLE :"day" PARTITION OF item FOR VALUES IN (:'key');
DELETE FROM item WHERE id = :placed.id
"""


def test_gathered_calls_are_arrays_or_rows_and_earlier_rows_are_variables_of_psql(tmp_path: Path) -> None:
    operations = dict(sqlfile.parse(tmp_path / "operations.sql", GATHERED, WorkloadError).operations)
    values = [{"key": "it's", "n": 1}, {"key": None, "n": 2}]
    puts, loads = (tuple(Call(name, one) for one in values) for name in ("put", "load"))
    place = (Call("place", {"key": "a", "day": 'x"y'}),)
    text = script(Disagreement(requests=(puts, loads, place), query="", expected=None, found=()), operations, Parts())

    assert text == (
        "-- 1. put\n"
        "INSERT INTO item SELECT * FROM unnest('{\"it''s\",NULL}'::text[], '{\"1\",\"2\"}'::int[]);\n"
        "-- 2. load\n"
        "COPY item (n, key) FROM STDIN;\n1\tit's\n2\t\\N\n\\.\n"
        "-- 3. place\n"
        "BEGIN;\n"
        "INSERT INTO item VALUES ('a'::text) RETURNING id \\gset placed_\n"
        'CREATE TABLE "x""y" PARTITION OF item FOR VALUES IN (\'a\');\n'
        "DELETE FROM item WHERE id = :'placed_id';\n"
        "COMMIT;"
    )


def test_the_query_that_answers_wrongly_comes_last(tmp_path: Path) -> None:
    text = script(_disagreement(PUT, PUT, query="items"), _operations(tmp_path), Parts())

    assert text.endswith("\n-- 3. items\nSELECT key FROM item ORDER BY key;")


@pytest.mark.parametrize(
    ("disagreement", "summary"),
    [
        (_disagreement(PUT, query="items"), "after 1 call, the rows of 'items' differ from the model's"),
        (_disagreement(PUT, PUT), "after 2 calls, the answer of 'put' differs from the model's"),
        (_disagreement(PUT, found="too long"), "after 1 call, 'put' is refused: too long"),
        (_disagreement(PUT, query="items", found="no"), "after 1 call, 'items' is refused: no"),
    ],
)
def test_a_summary_says_what_differs(disagreement: Disagreement, summary: str) -> None:
    assert disagreement.summary() == summary


def test_the_first_rows_that_differ_are_shown_as_expected_and_as_found() -> None:
    expected = ((1, "a"), (2, None), (3, "c's"))
    disagreement = _disagreement(PUT, query="items", expected=expected, found=((1, "a"), (2, "b")))

    assert list(disagreement.differences()) == [
        "row 2: expected (2, NULL), found (2, 'b')",
        "row 3: expected (3, 'c''s'), found no row",
    ]


def test_of_many_rows_that_differ_a_few_are_shown() -> None:
    rows = tuple((number,) for number in range(9))

    assert len(list(_disagreement(PUT, expected=rows).differences())) == 3
    assert list(_disagreement(PUT, expected=rows, found="refused").differences()) == []


def test_a_description_names_the_schema_and_holds_rows_and_sql(tmp_path: Path) -> None:
    (baseline,) = candidates(tmp_path / "schemas")
    lines = described(
        _disagreement(PUT, query="items", found=((1,),)), baseline, _operations(tmp_path), Parts()
    ).splitlines()

    assert lines[:3] == [
        "after 1 call, the rows of 'items' differ from the model's",
        "row 1: expected no row, found (1)",
        f"To reproduce it with the schema of {baseline.file.path} and no rows:",
    ]
    assert lines[3] == "-- 1. put"
