"""What a log's literals become: parts of a statement, or values of its calls."""

import re
from types import SimpleNamespace
from typing import Any

import psycopg
from stated import STATED, column, table

from schemabench.deriving import log_traffic, operations
from schemabench.deriving.found import Executed
from schemabench.deriving.log_calls import Target
from schemabench.deriving.statement import Kind
from schemabench.logs.shapes import Shapes

CALLS = 25


class Types:
    """Stands in for a session: the first parameter of a statement is a number, and all others are texts."""

    @staticmethod
    def tried(*statements: str) -> list[dict[str, Any]]:
        """Return the types of a prepared statement."""
        sql = next((one for one in statements if one.startswith("PREPARE")), "")
        if re.search(r"GROUP BY to_char\(\w+, \$", sql):
            raise psycopg.errors.GroupingError
        numbers = [int(one) for one in re.findall(r"\$(\d+)", sql)]
        return [{"types": ["bigint", *["text"] * max(numbers, default=0)][: max(numbers, default=0)]}]


def derived(sql: str) -> tuple[str, Target]:
    """Return the operation of calls that differ in a number, and what becomes of their values."""
    shapes = Shapes()
    for number in range(CALLS):
        known = shapes.of(sql.format(number), None)
        assert known
        known[0].note(known[1])
    (shape,) = shapes.every
    counted = Executed(sql=shape.sql, kind=Kind.READ, role="", calls=CALLS, total_ms=1, rows=1, shapes=(0,))
    log: Any = SimpleNamespace(shapes=shapes.every)
    (found,), _, _, targets = log_traffic.derived(Types(), [counted], 9, [STATED], ["public"], log, values=False)  # type: ignore[arg-type]
    return found.sql, targets[0]


def test_a_text_that_is_about_no_column_is_no_part_of_a_statement() -> None:
    sql, target = derived("INSERT INTO t (key, state) VALUES ({}, pgp_sym_encrypt('4111', 'S3cretKey'))")

    assert "4111" not in sql
    assert "S3cretKey" not in sql
    assert all(target.names)


def test_a_word_that_a_function_takes_stays_in_a_statement() -> None:
    sql, target = derived("SELECT * FROM t WHERE key = {} AND made_at > date_trunc('day', now())")

    assert "date_trunc('day', now())" in sql
    assert [bool(one) for one in target.names] == [True, False]


def test_a_text_that_is_dropped_with_a_group_is_no_value() -> None:
    sql, target = derived("SELECT key + {}, to_char(made_at, 'YYYY') FROM t GROUP BY to_char(made_at, 'YYYY')")

    assert sql.split()[-3:] == ["GROUP", "BY", "2"]
    assert [bool(one) for one in target.names] == [True, True, False]


def test_no_two_operations_have_one_name() -> None:
    own = table("t", column("key"), column("key_2"))
    conditions = ["key = $1", "$1 = key", "key_2 = $1"]
    counted = [
        Executed(sql=f"DELETE FROM t WHERE {one}", kind=Kind.WRITE, role="", calls=9, total_ms=1, rows=9)  # noqa: S608 (written here)
        for one in conditions
    ]

    found, _, _ = operations.derived(Types(), counted, 9, [own], ["public"])  # type: ignore[arg-type]

    assert [one.name for one in found] == ["delete_t_by_key", "delete_t_by_key_2", "delete_t_by_key_2_2"]
