"""The candidates of a folder: which files and folders are some, and which of them extend others.

Owns where candidates lie, and how what one extends is found. Must not talk to a server.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from schemabench import sqlfile
from schemabench.candidate import headers
from schemabench.candidate.variation import BASELINE, Candidate
from schemabench.errors import CandidateError, Place, UsageError
from schemabench.naming import nearest
from schemabench.sqlfile import SqlFile

ABOUT = "candidate.sql"
"""The file of a folder of migrations for headers and operations."""


@dataclass(frozen=True, kw_only=True)
class _Declared:
    """A candidate as its own files declare it."""

    name: str
    file: SqlFile
    migrations: tuple[SqlFile, ...]

    @property
    def extends(self) -> str:
        """The name of what it extends; empty if it extends nothing."""
        return self.file.headers.get("extends", "")


def find(folder: Path) -> dict[str, Candidate]:
    """Return the candidates of a folder by name: the baseline first, then by name.

    Raises:
        UsageError: There is no such folder, or no baseline in it.
        CandidateError: A file cannot be read, has an unknown header, has the name of another, or extends what does not
            exist, what extends it, or what it contradicts.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder of candidates {folder}", remedies=[f"create {folder}/{BASELINE}.sql"])
    declared: dict[str, _Declared] = {}
    for one in _declared(folder):
        if one.name in declared:
            raise CandidateError(
                f"Two candidates are named {one.name!r}: {declared[one.name].file.path} and {one.file.path}",
                where=Place(path=one.file.path, line=1),
                remedies=["give one of them another name in its `-- candidate:` line"],
            )
        declared[one.name] = one
    if BASELINE not in declared:
        raise UsageError(
            f"There is no candidate named {BASELINE!r} in {folder}",
            checked=[f"candidates there: {', '.join(declared) or 'none'}"],
            remedies=[f"write {folder}/{BASELINE}.sql, the schema that all candidates are compared with"],
        )
    names = [BASELINE, *(name for name in declared if name != BASELINE)]
    return {name: _candidate(declared[name], declared) for name in names}


def select(candidates: Mapping[str, Candidate], wanted: Iterable[str]) -> tuple[Candidate, ...]:
    """Return the candidates with the wanted names, or all if none is wanted, in the order of `candidates`.

    Raises:
        UsageError: A name is unknown; the message names the nearest.
    """
    chosen = set(wanted)
    for name in sorted(chosen - set(candidates)):
        raise UsageError(
            f"There is no candidate {name!r}{nearest(name, candidates)}",
            checked=[f"candidates: {', '.join(candidates)}"],
            remedies=["choose one of these with --candidate"],
        )
    return tuple(candidate for candidate in candidates.values() if not chosen or candidate.name in chosen)


def _declared(folder: Path) -> Iterator[_Declared]:
    """Yield the candidates of a folder by name of their file or folder."""
    for path in sorted(_visible(folder)):
        if not sqlfile.is_sql(path) and sqlfile.archived(path):
            raise sqlfile.not_sql(path, CandidateError)
        sqlfile.check_name(path, CandidateError)
        if path.is_dir():
            if any(map(sqlfile.is_sql, _visible(path))):
                yield _of_migrations(path)
        elif sqlfile.is_sql(path):
            file = sqlfile.read(path, CandidateError)
            headers.check(file)
            yield _parsed(path.stem, sqlfile.applied(file, CandidateError, in_folder=False), ())


def _visible(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder but hidden files, such as those of an editor that has one of them open."""
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def _of_migrations(folder: Path) -> _Declared:
    about = folder / ABOUT
    file = sqlfile.read(about, CandidateError) if about.is_file() else sqlfile.parse(about, "", CandidateError)
    headers.check(file)
    if statement := next(
        (one for part in sqlfile.sections(file.preamble, CandidateError) for one in part.statements), None
    ):
        raise CandidateError(
            f"{about} creates something, and so do the migrations beside it: what comes first is not said",
            where=statement.text.place(len(statement.text.sql) - len(statement.text.sql.lstrip())),
            remedies=["write the statement in a migration of its own"],
        )
    paths = [path for path in _visible(folder) if path.is_file() and path != about]
    for path in paths:
        sqlfile.check_name(path, CandidateError)
    migrations = []
    for path in sqlfile.ordered(paths, CandidateError):
        migration = sqlfile.read(path, CandidateError)
        headers.check_migration(migration, ABOUT)
        migrations.append(sqlfile.applied(migration, CandidateError, in_folder=True))
    return _parsed(folder.name, file, tuple(migrations))


def _parsed(default: str, file: SqlFile, migrations: tuple[SqlFile, ...]) -> _Declared:
    """Return a declared candidate; a mistake in one of its files is told now."""
    for one in (*migrations, file):
        sqlfile.sections(one.preamble, CandidateError)
    headers.databases(file)
    list(headers.bounds(file))
    return _Declared(name=headers.name(file, default), file=file, migrations=migrations)


def _candidate(one: _Declared, known: Mapping[str, _Declared], extending: tuple[str, ...] = ()) -> Candidate:
    """Return a candidate with all that it extends.

    Args:
        one: The candidate.
        known: All candidates of the folder.
        extending: Those that extend it, the nearest last.
    """
    own = headers.databases(one.file)
    found = Candidate(
        name=one.name,
        summary=one.file.headers.get("summary", ""),
        expects=one.file.headers.get("expects", ""),
        bounds=tuple(headers.bounds(one.file)),
        file=one.file,
        migrations=one.migrations,
        databases=own or "one",
    )
    if "extends" not in one.file.headers:
        return found
    parent = _candidate(_extended(one, known, extending), known, (*extending, one.name))
    if own and any("databases" in each.file.headers and each.databases != own for each in parent.lineage):
        raise CandidateError(
            f"{one.name!r} has `-- databases: {own}`, and {parent.name!r}, which it extends, `{parent.databases}`",
            where=one.file.header("databases"),
            checked=[str(parent.header("databases"))],
            remedies=["remove one of the two headers"],
        )
    return replace(
        found,
        extends=parent,
        bounds=(*parent.bounds, *found.bounds),
        databases=own or parent.databases,
    )


def _extended(one: _Declared, known: Mapping[str, _Declared], extending: tuple[str, ...]) -> _Declared:
    """Return what a candidate extends.

    Raises:
        CandidateError: There is no such candidate, or it extends the first one in turn.
    """
    if one.extends not in known:
        raise CandidateError(
            f"{one.name!r} extends {one.extends!r}, which is no candidate{nearest(one.extends, known)}",
            where=one.file.header("extends"),
            checked=[f"candidates: {', '.join(known)}"],
        )
    circle = (*extending, one.name, one.extends)
    if one.extends in circle[:-1]:
        raise CandidateError(
            f"Candidates extend each other in a circle: {' -> '.join(circle[circle.index(one.extends) :])}",
            where=one.file.header("extends"),
            remedies=["remove one of their `-- extends:` lines"],
        )
    return known[one.extends]
