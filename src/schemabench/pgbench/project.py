"""The files of a project that is converted from scripts of pgbench.

Owns their places and their text. Must not write anything.
"""

import builtins as python
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from schemabench.deriving import project as deriving
from schemabench.deriving import sqlfiles
from schemabench.deriving.code import Name, rendered, text
from schemabench.deriving.derived import Derived, comment, prose
from schemabench.errors import UsageError
from schemabench.pgbench import builtins
from schemabench.pgbench.convert import Converted
from schemabench.pgbench.variables import Variable

_ENVIRONMENT = Environment(
    loader=ChoiceLoader([PackageLoader("schemabench.pgbench"), PackageLoader("schemabench.deriving")]),
    autoescape=False,  # noqa: S701 (Python, not HTML)
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
_CALLS = 100
"""Calls in the smallest burst."""


TAKEN = (
    *dir(python),
    *("burst", "writers", "background", "count", "asdict", "tables", "cardinality", "random", "pgbench"),
)
"""Names that a workload has already, and no script can have."""
_FIELD = "slice_s"
"""The field that the sizes of a live database have beside those of tables."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """What a project is made of."""

    name: str
    """Of the workload."""
    scripts: Sequence[Converted]
    variables: Sequence[Variable]
    """Those that scripts take as given."""
    schema: str
    """The SQL of the baseline; empty for pgbench's own tables, or those of a live database."""
    live: Derived | None
    """The live database whose tables they are; None if it is none."""

    @property
    def builtin(self) -> bool:
        """Whether the tables are pgbench's own."""
        return not self.schema and self.live is None


def files(project: Project) -> dict[str, str]:
    """Return the files of a project: path -> text.

    Raises:
        UsageError: A table of the live database has the name of a variable.
    """
    name = project.name
    test = _ENVIRONMENT.get_template("test.py.j2").render(derived=project, text=text)
    return {
        f"workloads/{name}/__init__.py": _workload(project),
        f"workloads/{name}/operations.sql": _operations(project),
        **_tables(project),
        f"tests/test_{name}.py": test,
    }


def _tables(project: Project) -> dict[str, str]:
    """Return the files that say which tables there are, and which rows: path -> text."""
    if project.live is not None:
        return deriving.of_database(project.live)
    candidates = builtins.schemas() if project.builtin else {"baseline": project.schema}
    return {f"schemas/{project.name}/{candidate}.sql": sql for candidate, sql in candidates.items()}


def _workload(project: Project) -> str:
    live = project.live
    numbered = dict.fromkeys(live.sequences.values()) if live else ()
    counts = {one: Name(f"max(1, sizes.{one})") for one in numbered}
    lines = [
        *(line for one in project.scripts for line in one.settings),
        *(operation.call for one in project.scripts for operation in one.operations),
    ]
    body = "\n".join(lines)
    client = bool(re.search(r"\bclient_id\b", body))
    own = "sizes.scale" if project.builtin else ""  # for the rows
    used = [one for one in project.variables if one.field and (one.given or one.is_used(f"{body}\n{own}"))]
    if live and (clash := {one.field for one in used} & {_FIELD, *(one.name for one in live.rows)}):
        raise UsageError(
            f"The sizes of the live database have a field with the name of the variable :{min(clash)}",
            remedies=["give the variable another name in the scripts"],
        )
    labels = ", ".join(f"`{one.script.label}`" for one in project.scripts)
    return _ENVIRONMENT.get_template("scripts.py.j2").render(
        about=prose(
            f"{project.name}: scripts of pgbench, {labels}.",
            "Converted by `schemabench init --pgbench`. What a script sets is set here, by the same distributions; its "
            "statements are in operations.sql.",
        ),
        name=project.name,
        text=text,
        fields=used,
        scripts=project.scripts,
        client=client,
        several=any(len(one.operations) > 1 for one in project.scripts),
        pgbench="pgbench." in body,
        weights=rendered({Name(one.script.name): one.script.weight for one in project.scripts}, before=10),
        weight=_CALLS,
        summary=f"pgbench's {' and '.join(one.script.label for one in project.scripts)}",
        builtin=project.builtin,
        live=live,
        kind=deriving.kind_of(live) if live else "",
        tables=rendered(tuple(Name(f"tables.{one.name}") for one in live.rows), before=len("TABLES = "))
        if live
        else "",
        counts=rendered(counts, 1, before=len("    ends = ")) if counts else "",
        fills=rendered(builtins.FILLS),
        states=rendered(builtins.STATES),
    )


def _operations(project: Project) -> str:
    parts = [
        comment(
            f"{project.name}: what the scripts of pgbench execute. Without a cast, the server infers the type of a "
            "parameter, as with pgbench -M prepared."
            if project.live is None
            else f"{project.name}: what the scripts of pgbench execute, in a database of {project.live.server}."
        )
    ]
    for one in project.scripts:
        parts.append(f"-- {one.script.label}")
        parts += [operation.block for operation in one.operations]
    if project.live:
        parts.append(sqlfiles.background(project.live))
    if project.builtin:
        parts.append(builtins.rows().rstrip("\n"))
    return "\n\n".join(parts) + "\n"
