"""Whether two runs executed the same operations: the workload's own SQL, which candidates may override.

Owns which blocks of a workload count: all but the queries that only check. The run file names these. Of an older one,
the rules for a query tell (one statement, no parameters but the bounds of an invariant), and that no writer executed
it.
"""

from pathlib import Path

from schemabench import sqlfile
from schemabench.errors import WorkloadError
from schemabench.records import Experiment
from schemabench.sqlfile.tokens import scanned, without_comments
from schemabench.statements import Operation

_READS = {"SELECT", "WITH", "TABLE", "ASCII_40"}
"""What a statement that reads begins with, as Postgres calls its tokens; the last is a parenthesis."""
_FROM = {"FROM", "TABLE"}
"""What a query of the rows in tables has: one without calls functions, as a loader may."""
_WRITES = {"INSERT", "UPDATE", "DELETE_P", "MERGE"}
"""What a statement that begins with WITH may do nevertheless."""


def differing(left: Experiment, right: Experiment) -> list[str]:
    """Return the operations whose SQL differs between two runs, sorted; none if either does not know its own.

    Queries that only check do not count, nor does what only one of the runs executed, and that as a companion: other
    companions are told as such.
    """
    if not (left.operations_sql and right.operations_sql):
        return []
    names = {*left.operations_sql, *right.operations_sql}
    changed = {name for name in names if left.operations_sql.get(name) != right.operations_sql.get(name)}
    executed = _executed(left) | _executed(right)
    apart = {one.operation for one in left.companions} ^ {one.operation for one in right.companions}
    both = {one.operation for one in left.companions} & {one.operation for one in right.companions}
    return sorted(
        name
        for name in changed - (apart - executed)
        if name in executed | both or _loads(left, name) or _loads(right, name)
    )


def _executed(experiment: Experiment) -> set[str]:
    """Return what writers executed."""
    return {latency.operation for result in experiment.candidates for latency in result.latencies}


def _loads(experiment: Experiment, name: str) -> bool:
    """Return whether a run's workload has this block, and that is no query over the state."""
    if name not in experiment.operations_sql:
        return False
    if experiment.queries is None:
        return not _may_check(name, experiment.operations_sql[name])
    return name not in experiment.queries


def _may_check(name: str, sql: str) -> bool:
    """Return whether the text of a block that no writer executes may be that of a query over the state."""
    try:
        (operation,) = sqlfile.parse(Path(name), f"-- name: {name}\n{sql}", WorkloadError).operations.values()
    except (WorkloadError, ValueError):  # what a version of another day could read
        return False
    bounds = {name for statement in operation.statements for name in statement.literals}
    return len(operation.statements) == 1 and bounds.issuperset(operation.parameters) and _reads(operation)


def _reads(operation: Operation) -> bool:
    """Return whether the statement of an operation reads rows and writes none, as its words tell."""
    words = [token.name for token in without_comments(scanned(operation.statements[0].text, WorkloadError))]
    return words[0] in _READS and _WRITES.isdisjoint(words) and not _FROM.isdisjoint(words)
