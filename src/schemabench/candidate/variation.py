"""One schema variation, as its files declare it.

Owns what follows from a candidate's own files and those of the candidates that it extends. Must not read a file, nor
talk to a server.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Literal

from schemabench import sqlfile
from schemabench.errors import CandidateError, Place
from schemabench.sqlfile import Section, SqlFile
from schemabench.statements import Operation

BASELINE = "baseline"

_RELATIONS = {
    ">=": int.__ge__,
    "<=": int.__le__,
    ">": int.__gt__,
    "<": int.__lt__,
    "=": int.__eq__,
    "==": int.__eq__,
}


@dataclass(frozen=True, kw_only=True)
class Script:
    """The schema of one file, which has a session of its own."""

    file: SqlFile
    sections: tuple[Section, ...]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One schema variation: one SQL file, or a folder of migrations."""

    name: str
    summary: str
    """One line for people."""
    expects: str
    """What its author expects of it; empty if the file does not say."""
    bounds: tuple[tuple[str, int], ...]
    """(relation, major version) that the server must satisfy, all of them, those of what it extends among them."""
    file: SqlFile
    """Its headers, its own operations and, unless that is in migrations, its schema."""
    migrations: tuple[SqlFile, ...] = ()
    """The files of its schema, in order; empty if it is one file."""
    extends: "Candidate | None" = None
    """The candidate after whose schema its own is executed; None if it starts from an empty database."""
    databases: Literal["one", "part"] = "one"
    """Whether all parts of the workload live in one database, or each in one of its own."""

    @property
    def path(self) -> Path:
        """Its file, or its folder."""
        return self.file.path.parent if self.migrations else self.file.path

    @property
    def files(self) -> tuple[SqlFile, ...]:
        """Its own files, in the order in which they are executed."""
        return (*self.migrations, self.file)

    @property
    def lineage(self) -> tuple["Candidate", ...]:
        """What it extends, what that extends first, and itself last."""
        return (*self.extends.lineage, self) if self.extends else (self,)

    @property
    def paths(self) -> frozenset[Path]:
        """All files that it consists of, those of what it extends among them."""
        return frozenset(file.path for one in self.lineage for file in one.files)

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        """What creates its objects, file by file, that of what it extends first.

        Raises:
            CandidateError: As `sqlfile.sections` does.
        """
        files = [file for one in self.lineage for file in one.files]
        return tuple(Script(file=file, sections=_sections(file)) for file in files)

    @property
    def schema(self) -> tuple[Section, ...]:
        """The sections of all scripts; raises as `scripts` does."""
        return tuple(chain.from_iterable(script.sections for script in self.scripts))

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The operations that it overrides, or inherits from what it extends."""
        return {name: operation for one in self.lineage for name, operation in one.file.operations.items()}

    @property
    def sql(self) -> str:
        """What its own files say: headers, the schema, operations. Rows of a dump are a comment."""
        head = self.file.source[: self.file.preamble.end]
        if not self.migrations:
            return head + self.file.named.sql
        schemas = (f"-- {one.path.name}\n{one.preamble.sql.strip()}\n\n" for one in self.migrations)
        return "".join([head.rstrip(), "\n\n" if head else "", *schemas, self.file.named.sql])

    @property
    def text(self) -> str:
        """The SQL of all its files: equal texts make equal schemas and operations."""
        return "\0".join(one.sql for one in self.lineage)

    def header(self, key: str) -> Place:
        """Return the place of a header that it has, or inherits."""
        return next(one.file.header(key) for one in reversed(self.lineage) if key in one.file.headers)

    def refuses(self, version_num: int) -> str | None:
        """Return why a server of this version (as in 180006) cannot serve the candidate, or None."""
        major = version_num // 10_000
        for relation, bound in self.bounds:
            if not _RELATIONS[relation](major, bound):
                return f"it needs PostgreSQL {relation} {bound}; the server is {major}"
        return None


def _sections(file: SqlFile) -> tuple[Section, ...]:
    """Return the sections of a file, without what is about a database that it made and connected to."""
    found = sqlfile.sections(file.preamble, CandidateError)
    if not file.connects:
        return found
    return tuple(
        replace(section, statements=tuple(one for one in section.statements if not sqlfile.of_database(one)))
        for section in found
    )
