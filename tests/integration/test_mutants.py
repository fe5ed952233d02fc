"""Candidates that are wrong on purpose are found out, by few calls, in SQL that shows it."""

import re

import mutants
import psycopg
import pytest

from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.equivalence.counterexample import script
from schemabench.server import Database, Server
from schemabench.workload import Parts

MOST_CALLS = 4
REQUEST = re.compile(r"^(?=-- \d+\. )", re.MULTILINE)
COPIED = " FROM STDIN;\n"
GIVEN = re.compile(r" \\gset \w+$", re.MULTILINE)
"""Where psql keeps a row; no mutant takes a value from it."""
WRONG = [(name, which) for name, which in mutants.names() if which != mutants.CRASHING]


def _installed(
    one: Candidate, parts: Parts, server: Server, database: Database
) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(server.conninfo_for(database.name), autocommit=True)
    candidates.install(one, connection, [*parts.by_name.values()])
    return connection


def _executed(connection: psycopg.Connection[tuple[object, ...]], text: str) -> list[tuple[object, ...]]:
    """Execute a script request by request, as psql does; return the rows of its last statement."""
    cursor = connection.cursor()
    for request in REQUEST.split(text):
        copies, separator, rows = request.partition(COPIED)
        if separator:
            with cursor.copy((copies + COPIED).encode()) as copy:
                copy.write(rows.rstrip().removesuffix("\\."))
        else:
            cursor.execute(GIVEN.sub(";", request).encode())
            while cursor.nextset():
                pass
    return cursor.fetchall()


@pytest.mark.parametrize(("name", "which"), WRONG)
def test_a_mutant_is_caught_by_few_calls_whose_sql_shows_it(
    server: Server, database: Database, name: str, which: str
) -> None:
    wrong = mutants.mutant(name, which)
    checked = mutants.oracle(name).check(wrong, server)
    disagreement = checked.disagreement

    assert disagreement is not None
    assert not checked.record.agrees
    assert len(disagreement.calls) <= MOST_CALLS
    found = mutants.found(name)
    parts = found.parts(found.workload.cardinalities["typical"])
    text = script(disagreement, candidates.operations(wrong, found.operations), parts)
    assert text in checked.reason
    with _installed(wrong, parts, server, database) as connection:
        if isinstance(disagreement.found, str):
            with pytest.raises(psycopg.Error) as refusal:
                _executed(connection, text)
            assert str(refusal.value).splitlines()[0] in disagreement.found
        else:
            assert tuple(_executed(connection, text)) == disagreement.found != disagreement.expected
