"""Statements of all forms: none of them stops what reads them, and each parameter gets a name of its own."""

import re

import pytest
from pglast import parse_sql
from stated import STATED, operation

from schemabench.deriving import grouping, lists, parameters, rewriting, rows, states
from schemabench.deriving.scale import Scale
from schemabench.deriving.statement import kind_of

FORMS = """
MERGE INTO t USING (SELECT $1 AS k) s ON t.key = s.k WHEN MATCHED THEN UPDATE SET total = $2 WHEN NOT MATCHED THEN INSERT (key) VALUES ($3)
SELECT key FROM t WHERE key = $1 UNION ALL SELECT key FROM t WHERE total = $2 LIMIT $3
VALUES ($1, $2)
SELECT row_number() OVER (PARTITION BY key ORDER BY total) FROM t WHERE state = $1
SELECT * FROM t, LATERAL (SELECT * FROM t u WHERE u.key = t.key AND u.total > $1) x
UPDATE t SET (total, state) = (SELECT $1, $2) WHERE key = $3
UPDATE t SET (total, state) = ($1, $2) WHERE key = $3
INSERT INTO t DEFAULT VALUES
DELETE FROM t USING t AS u WHERE t.key = u.key AND u.state = $1
SELECT * FROM t WHERE (key, total) IN (($1, $2), ($3, $4))
SELECT * FROM t WHERE (key, total) > ($1, $2) ORDER BY key, total LIMIT $3
UPDATE t SET total = CASE WHEN key = $1 THEN $2 ELSE total END
SELECT ARRAY[$1, key] FROM t
SELECT * FROM t TABLESAMPLE SYSTEM ($1)
WITH RECURSIVE r AS (SELECT key FROM t WHERE key = $1 UNION SELECT t.key FROM t JOIN r ON t.total = r.key) SELECT * FROM r
SELECT * FROM generate_series($1, $2) g JOIN t ON t.key = g
SELECT * FROM (VALUES ($1, $2), ($3, $4)) v (a, b) JOIN t ON t.key = v.a
SELECT state, count(*) FROM t GROUP BY GROUPING SETS ((state), ()) HAVING count(*) > $1
SELECT DISTINCT ON (key) * FROM t WHERE made_at > $1 FETCH FIRST $2 ROWS ONLY
SELECT EXISTS (SELECT FROM t WHERE key = $1)
SELECT * FROM t WHERE key = ANY (SELECT key FROM t WHERE total = $1)
SELECT * FROM t WHERE state IS DISTINCT FROM $1
SELECT * FROM t WHERE key BETWEEN SYMMETRIC $1 AND $2
SELECT * FROM t WHERE state LIKE $1 ESCAPE $2
SELECT * FROM t WHERE made_at AT TIME ZONE $1 > $2
SELECT * FROM t WHERE state COLLATE "C" = $1
SELECT * FROM t WHERE (made_at, made_at) OVERLAPS ($1, $2)
INSERT INTO t (key, total) SELECT unnest($1::bigint[]), unnest($2::bigint[])
INSERT INTO t (key, total) SELECT a, b FROM unnest($1::bigint[], $2::bigint[]) AS new (a, b)
INSERT INTO t SELECT * FROM json_populate_recordset(null::t, $1)
SELECT coalesce(sum(total), $1) FROM t WHERE made_at >= date_trunc($2, now()) GROUP BY 1
SELECT date_trunc($1, made_at) d, count(*) FROM t GROUP BY d
SELECT CASE WHEN total > $1 THEN $2 ELSE $3 END FROM t GROUP BY CASE WHEN total > $4 THEN $5 ELSE $6 END
SELECT t.* FROM t WHERE t.key = $1 FOR NO KEY UPDATE NOWAIT
INSERT INTO t (key) VALUES ($1) ON CONFLICT ON CONSTRAINT t_key DO UPDATE SET total = excluded.total + t.total, state = $2 RETURNING *
INSERT INTO t AS x (key, total) VALUES ($1, DEFAULT) ON CONFLICT (key) WHERE total > $2 DO NOTHING
UPDATE ONLY t AS x SET total = x.total * $1, state = state || $2 WHERE x.key = $3 RETURNING id
UPDATE t SET state[$1] = $2
SELECT $1 + key FROM t ORDER BY $2
SELECT * FROM t WHERE key = $1 AND (state = $2 OR $3 IS NULL)
SELECT xmlelement(name a, $1) FROM t
SELECT count(*) FILTER (WHERE total > $1) FROM t
DELETE FROM t WHERE ctid IN (SELECT ctid FROM t LIMIT $1)
SELECT * FROM ROWS FROM (generate_series($1, $2)) AS x (a)
SELECT FROM t WHERE key NOT IN ($1, $2) AND NOT state = $3
"""  # noqa: E501 (a statement a line)


@pytest.mark.parametrize("sql", FORMS.strip().splitlines())
def test_each_parameter_of_any_statement_gets_a_name_of_its_own(sql: str) -> None:
    numbers = {int(number) for number in re.findall(r"\$(\d+)", sql)}
    names = parameters.names(parameters.read(sql, [STATED], ["public"]))
    written = rewriting.wrapped(rewriting.named(rewriting.prepared(sql), names, dict.fromkeys(numbers, "text")))

    assert set(names) == numbers
    assert len(set(names.values())) == len(names)
    assert "$" not in written


@pytest.mark.parametrize("sql", FORMS.strip().splitlines())
def test_any_statement_can_be_judged(sql: str) -> None:
    planned = rows.planned([STATED], Scale(1.0), values=False)
    kind, _ = kind_of(sql, ())
    repaired = grouping.repaired(sql)

    assert repaired is None or parse_sql(repaired)
    if kind is not None:
        found, others = states.states(planned, [operation(sql)])
        assert len(found) + len(others) <= 1


NESTED = {
    "sum": "SELECT key FROM t WHERE total = $1{more}",
    "calls": "SELECT {calls}key{ends} FROM t GROUP BY {calls}key{ends}",
    "queries": "SELECT key FROM t WHERE total = {queries}$1{ends}",
    "union": "SELECT key FROM t{unions}",
}


def nested(form: str, levels: int) -> str:
    """Return a statement within itself, so many times."""
    return NESTED[form].format(
        more=" + $1" * levels,
        calls="f(" * levels,
        queries="(SELECT " * levels,
        ends=")" * levels,
        unions=" UNION SELECT key FROM t" * levels,
    )


@pytest.mark.parametrize("levels", [101, 3_000])
@pytest.mark.parametrize("form", NESTED)
def test_a_statement_that_is_nested_too_deeply_is_told_to_be(form: str, levels: int) -> None:
    kind, why = kind_of(nested(form, levels), ())

    assert kind is None
    assert why == "it is no SQL that schemabench reads: it is nested more than 100 levels deep"


@pytest.mark.parametrize("form", NESTED)
def test_a_statement_that_is_nested_as_deeply_as_may_be_is_read(form: str) -> None:
    levels = next(levels for levels in range(95, 0, -1) if kind_of(nested(form, levels), ())[0])
    sql = nested(form, levels)

    assert parse_sql(lists.uniform(sql, [STATED], ["public"])[0])
    assert grouping.repaired(sql) is None
    assert set(parameters.read(sql, [STATED], ["public"])) == ({1} if "$1" in sql else set())
