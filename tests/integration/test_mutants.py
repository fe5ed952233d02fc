"""Candidates that are wrong on purpose are found out, by few calls, in SQL that shows it."""

import mutants
import psycopg
import pytest

from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.equivalence.counterexample import script
from schemabench.server import Database, Server
from schemabench.workload import Parts

MOST_CALLS = 4
WRONG = [(name, which) for name, which in mutants.names() if which != mutants.CRASHING]


def _installed(one: Candidate, server: Server, database: Database) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(server.conninfo_for(database.name), autocommit=True)
    candidates.install(one, connection)
    return connection


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
    operations = candidates.operations(wrong, mutants.found(name).operations)
    text = script(disagreement, operations, Parts())
    assert text in checked.reason
    with _installed(wrong, server, database) as connection:
        if isinstance(disagreement.found, str):
            with pytest.raises(psycopg.Error) as refusal:
                connection.execute(text.encode())
            assert str(refusal.value).splitlines()[0] in disagreement.found
        else:
            cursor = connection.execute(text.encode())
            while cursor.nextset():
                pass
            assert tuple(cursor.fetchall()) == disagreement.found != disagreement.expected
