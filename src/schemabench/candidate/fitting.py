"""How a candidate fits its workload: the operations that it overrides, and the parts that it is for.

Must not know workloads beyond their operations and parts, nor talk to a server.
"""

from collections.abc import Mapping, Sequence

from schemabench import sqlfile
from schemabench.candidate.variation import Candidate
from schemabench.errors import CandidateError
from schemabench.naming import nearest
from schemabench.statements import Operation, Statement


def operations(candidate: Candidate, defaults: Mapping[str, Operation]) -> dict[str, Operation]:
    """Return the workload's operations with the candidate's own SQL where it, or what it extends, overrides them.

    Raises:
        CandidateError: The candidate names an operation that the workload does not have, or a parameter that the
            operation does not take; the message names the nearest.
    """
    own = candidate.operations
    for operation in own.values():
        default = defaults.get(operation.name)
        if default is None:
            raise CandidateError(
                f"The workload has no operation {operation.name!r}{nearest(operation.name, defaults)}",
                where=operation.text.place(),
                checked=[f"operations: {', '.join(defaults)}"],
            )
        for statement in operation.statements:
            for name in statement.needs:
                if name in statement.literals:
                    continue  # writers may set it, who are not known here
                if default.statements and name not in default.parameters:  # calls of an empty one may have any values
                    suggestion = nearest(name, default.parameters)
                    raise CandidateError(
                        f"The operation {operation.name!r} takes no parameter :{name}{suggestion}",
                        where=statement.text.place(statement.mark(name)),
                        checked=[f"parameters: {', '.join(default.parameters) or 'none'}"],
                        remedies=["name one of these", "for an array slice, write a space after the colon"],
                    )
    return {**defaults, **own}


def check_parts(candidate: Candidate, parts: Sequence[Mapping[str, str]]) -> None:
    """Refuse a candidate that is for parts other than those of its workload.

    Args:
        candidate: The candidate.
        parts: The value of each `:"name"`, for each part; none if the workload has no parts.

    Raises:
        CandidateError: The workload has no parts, or a part has no value for a name.
    """
    todo = "say which writers belong to which part: `Writer.part`"
    if candidate.databases == "part" and not parts:
        raise CandidateError(
            f"{candidate.name!r} has a database for each part, and the workload has no parts",
            where=candidate.header("databases"),
            remedies=[todo, "leave out `-- databases: part`"],
        )
    for section in candidate.schema:
        if section.each_part and not parts:
            raise CandidateError(
                f"The schema of {candidate.name!r} has statements for each part, and the workload has no parts",
                where=section.text.place(),
                remedies=[todo, f"leave out `{sqlfile.BEGIN}`"],
            )
        for statement in section.statements:
            _check_names(statement, parts)


def _check_names(statement: Statement, parts: Sequence[Mapping[str, str]]) -> None:
    """Refuse a statement that uses a name for which a part has no value."""
    for mark in statement.marks:
        for names in parts:
            if mark.name not in names:
                raise CandidateError(
                    f"No part has a value for {statement.text.sql[mark.start : mark.end]}{nearest(mark.name, names)}",
                    where=statement.text.place(mark.start),
                    checked=[f"names: {', '.join(names) or 'none'}"],
                    remedies=["add it to the identifiers of every writer that belongs to a part"],
                )
