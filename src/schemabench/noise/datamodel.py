"""Data models: how many of everything a tenant has, as distributions in TOML files.

Owns the files, their checks and their digests. Must not draw anything.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.noise.distributions import MOST, NAMES, WORDS, Choice, Distribution

SHIPPED = files("schemabench.noise") / "data_models"
"""Where the data models of the package are."""
USUAL_PERCENT = 100
"""The size of a usual organisation."""
FULL, SAMPLE = "full", "sample"
"""Their names: a whole town, and a small one for tests."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of one file."""


class Organisations(_Table, frozen=True, kw_only=True):
    """Tenants."""

    size: Distribution
    """In percent of a usual one: multiplies the counts of users, engines, pipelines, labels and jobs."""


class Users(_Table, frozen=True, kw_only=True):
    """Users of an organisation."""

    count: Distribution
    role: Choice
    audits: Distribution
    """Entries in the audit of each user."""


class Engines(_Table, frozen=True, kw_only=True):
    """What executes an organisation's jobs."""

    count: Distribution
    version: Choice


class Pipelines(_Table, frozen=True, kw_only=True):
    """What jobs execute."""

    count: Distribution
    stages: Distribution
    definition_bytes: Distribution


class Labels(_Table, frozen=True, kw_only=True):
    """Labels of jobs."""

    count: Distribution
    per_job: Distribution


class Jobs(_Table, frozen=True, kw_only=True):
    """Scheduled work."""

    count: Distribution
    kind: Choice
    """`ingest` writes records, `report` reads those of its organisation, `replicate` does both, `expire` deletes all
    but those of the last run of each job."""
    state: Choice
    """Only those that are `active` run."""
    every_s: Distribution
    """Seconds from one run to the next."""
    reads: Distribution
    """Records that a run reads, as far as its organisation has so many."""
    writes: Distribution
    """Records that a run writes."""
    history: Distribution
    """Runs before the model was made."""


class DataModel(msgspec.Struct, frozen=True, kw_only=True):
    """All distributions."""

    digests: Mapping[str, str]
    """File -> the SHA-256 of its bytes."""
    organisations: Organisations
    users: Users
    engines: Engines
    pipelines: Pipelines
    labels: Labels
    jobs: Jobs


class _Folder(Protocol):
    """A folder on disk or in the package."""

    def joinpath(self, name: str, /) -> Traversable:
        """Return a file in it."""


TABLES: Mapping[str, type[_Table]] = {
    "organisations": Organisations,
    "users": Users,
    "engines": Engines,
    "pipelines": Pipelines,
    "labels": Labels,
    "jobs": Jobs,
}
"""The files of a data model, without `.toml`."""
KINDS = ("ingest", "replicate", "report", "expire")
"""What a job may do."""
STATES = ("active", "inactive", "paused", "retired")
"""The states of a job."""
OWN_IDS = 1_000_000
"""The identifier of what belongs to an organisation is that of the organisation times this, and a number; the
identifier of a user's audit is that of the user times this, and a number."""
MOST_BYTES = 10_000_000
"""The longest definition of a pipeline."""
LONGEST_S = 31_536_000
"""The longest time from one run of a job to the next: a year."""
_MOST = {
    ("users", "audits"): OWN_IDS - 1,
    ("pipelines", "definition_bytes"): MOST_BYTES,
    ("jobs", "every_s"): LONGEST_S,
}


def load(folder: Path | None, *, sample: bool = False) -> DataModel:
    """Return a data model.

    Args:
        folder: Where its files are; None for one of the package.
        sample: Whether that is the small one.

    Raises:
        UsageError: A file is missing or wrong; names the file and the path in it.
    """
    place: _Folder = folder or SHIPPED / (SAMPLE if sample else FULL)
    sources = {name: _read(place, name) for name in TABLES}
    tables: dict[str, Any] = {name: _table(place, name, source) for name, source in sources.items()}
    digests = {f"{name}.toml": hashlib.sha256(source).hexdigest() for name, source in sources.items()}
    found = DataModel(digests=digests, **tables)
    for what, known, given in (("kind", KINDS, found.jobs.kind), ("state", STATES, found.jobs.state)):
        for word in given.weights:
            if word not in known:
                raise UsageError(
                    f"{place}/jobs.toml: $.{what}.weights: a job has no {what} {word!r}{nearest(word, known)}",
                    remedies=[f"name some of {', '.join(known)}"],
                )
    for name, table in tables.items():
        for field in distributions(type(table)):
            highest, most = getattr(table, field).highest, largest(name, field)
            if highest > most:
                raise UsageError(
                    f"{place}/{name}.toml: $.{field}: numbers up to {highest:,}, which is more than {most:,}",
                    remedies=[f"draw none above {most:,}"],
                )
    return found


def distributions(table: type[msgspec.Struct]) -> list[str]:
    """Return the distributions of numbers in a table of a data model."""
    return [field.name for field in msgspec.structs.fields(table) if field.type is not Choice]


def largest(table: str, field: str) -> int:
    """Return the largest number that a distribution of a data model may draw."""
    return _MOST.get((table, field), MOST)


def _read(folder: _Folder, name: str) -> bytes:
    try:
        return folder.joinpath(f"{name}.toml").read_bytes()
    except OSError as cause:
        raise UsageError(
            f"Cannot read {folder}/{name}.toml: {cause.strerror}",
            remedies=[f"a data model has {', '.join(f'{one}.toml' for one in TABLES)}", f"start from {SHIPPED}/{FULL}"],
        ) from cause


def _table(folder: _Folder, name: str, source: bytes) -> _Table:
    """Return the content of a file."""
    where = f"{folder}/{name}.toml"
    try:
        content = tomllib.loads(source.decode(), parse_float=_decimal)
        return msgspec.convert(content, type=TABLES[name])
    except msgspec.ValidationError as cause:
        what, _, path = str(cause).partition(" - at ")
        word = what.split("'")[1] if path.endswith(".distribution`") and "'" in what else ""
        if word in NAMES:
            what = f"{word!r} does not draw {'numbers' if word == WORDS else 'words'}"
        elif word:
            what = f"there is no distribution {word!r}{nearest(word, NAMES)}"
        raise UsageError(
            f"{where}: {path.replace('`', '') or '$'}: {what}",
            remedies=[f"distributions are {', '.join(NAMES)}", f"see {SHIPPED}/{FULL}/{name}.toml"],
        ) from cause
    except (ValueError, RecursionError) as cause:  # of any number of digits, and any depth
        raise UsageError(f"{where} is not TOML in UTF-8: {cause}", remedies=["correct the file"]) from cause


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text} is too large or too small a number") from None


def dumped(table: msgspec.Struct) -> str:
    """Return the file of one table of a data model."""
    parts = []
    for name, distribution in msgspec.to_builtins(table, builtin_types=[Decimal]).items():
        lines = [f"[{name}]", *(f"{field} = {_toml(value)}" for field, value in distribution.items())]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _toml(value: object) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)
