"""What is to be known of how a schema was installed, as notices.

Owns the wording. Must not talk to a server.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemabench.candidate.passing import Passed, Reason
from schemabench.candidate.variation import BASELINE, Candidate
from schemabench.records import Notice
from schemabench.units import first_of, plural

_SHOWN = 3
"""Names, or places, that a notice shows."""


@dataclass(frozen=True, kw_only=True)
class Remark:
    """What happened to one statement, or to one file."""

    path: Path
    line: int
    passed: Passed | None
    """Why it was passed over; None if it was executed and found no rows."""


def notices(candidate: Candidate, remarks: Iterable[Remark]) -> tuple[Notice, ...]:
    """Return what is to be known of how a candidate was installed, but what the baseline's own notices say."""
    others = frozenset[Path]() if candidate.name == BASELINE else _baselines(candidate)
    own = [one for one in dict.fromkeys(remarks) if one.path not in others]
    return (*_passed_over(candidate, own), *_without_rows(candidate, own))


def without_rows(remarks: Iterable[Remark]) -> list[str]:
    """Return the places of statements that found no rows, as in `rated.sql:5`."""
    return [f"{one.path.name}:{one.line}" for one in remarks if not one.passed]


def _baselines(candidate: Candidate) -> frozenset[Path]:
    return frozenset(file.path for one in candidate.lineage if one.name == BASELINE for file in one.files)


def _passed_over(candidate: Candidate, remarks: Sequence[Remark]) -> Iterator[Notice]:
    """Yield one notice on all statements that were passed over."""
    whys: dict[Reason, list[Passed]] = {}
    for one in remarks:
        if one.passed:
            whys.setdefault(one.passed.reason, []).append(one.passed)
    if whys:
        said = "; ".join(_why(reason, some) for reason, some in whys.items())
        yield Notice(code="passed-over", text=f"Passed over in the SQL of {candidate.name}: {said}")


def _why(reason: Reason, some: Sequence[Passed]) -> str:
    names = _listed([name for one in some for name in one.names])
    statements = plural(len(some), "statement")
    match reason:
        case "role":
            return f"{statements} on owners and privileges, since the server has no role {names}"
        case "mapping":
            return f"{statements} on user mappings of foreign servers, since the server has no role {names}"
        case "owner":
            return f"{statements} that would give something to {names}, as whom the session must not act"
        case "setting":
            return f"SET {names}, which this version does not know"
        case "schema":
            return f"CREATE SCHEMA {names}, which exists"
        case "database":
            return "what pg_dump --create writes about the database itself"


def _without_rows(candidate: Candidate, remarks: Sequence[Remark]) -> Iterator[Notice]:
    """Yield a notice on statements that would have filled or changed something, had there been rows."""
    if places := without_rows(remarks):
        text = (
            f"These statements of {candidate.name} found no rows, because rows are loaded after the schema, by "
            f"operations: {_listed(places)}"
        )
        yield Notice(code="schema-found-no-rows", text=text)


def _listed(names: Iterable[str]) -> str:
    return first_of(list(dict.fromkeys(names)), _SHOWN)
