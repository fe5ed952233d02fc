"""What the report of a rehearsal says of what results: whether that is the candidate, and by whose doing it is not.

Owns its wording, as `document` that of the rest. Must not draw anything.
"""

from collections.abc import Iterator, Sequence

from schemabench.rehearsal.record import Rehearsal
from schemabench.report.text import name
from schemabench.report.tree import Bullets, Node, Paragraph, Verbatim
from schemabench.units import plural

_FEW = 4
"""A terminal shows all items of a list of so many, and only some of a longer one."""
_EMPTY = (
    "The fresh installation executed the candidate's statements before the workload's rows were loaded. So what they "
    "do to rows that are there already, such as an UPDATE that fills a new column, is missing from it: where the "
    "candidate has such a statement, a difference like this is to be expected."
)
_BARE = "What rows, calls or companions create, change or drop, such as a partition, may be among these differences."
_BY_OTHERS = (
    "A second fresh installation, which executed the same calls at their pace, and beside companions if there are any, "
    "differs from the first one alike, or in objects whose names have other numbers. So these differences are not the "
    "migration's doing, but that of calls or companions"
)


def result(found: Rehearsal) -> Iterator[Node]:
    """Yield what the report says of catalogs, rows, numbers of rows, and settings for new connections."""
    yield from _compared(found)
    yield from _counts(found)
    if found.left:
        yield listed(
            "What it set for connections that are opened after it; those of the writers do not have it",
            found.left,
            "setting",
        )


def _compared(found: Rehearsal) -> Iterator[Node]:
    if found.catalogs is None:
        label = "Neither its catalogs nor its rows could be compared with those of a fresh installation:"
        yield Verbatim(label=label, text=found.incomparable, is_failure=True)
        return
    yield from _catalogs(found)
    yield from _rows(found)


def _catalogs(found: Rehearsal) -> Iterator[Node]:
    """Yield in what catalogs differ, by whose doing that is."""
    if found.catalogs:
        bare = " that was not loaded, and executed no calls" if found.provisional else ""
        yield listed(
            f"In its catalogs, the database differs from a fresh installation of {name(found.candidate)}{bare}",
            found.catalogs,
        )
        if found.provisional:
            yield Paragraph(text=_BARE)
    elif not found.unclear:
        but = ", but for what others made" if found.by_others else ""
        yield Paragraph(text=f"Its catalogs are those of a fresh installation of {name(found.candidate)}{but}.")
    if found.unclear:
        yield listed(
            f"In its catalogs, the database differs from a fresh installation of {name(found.candidate)}, and "
            "whether that is the migration's doing is not known",
            found.unclear,
        )
        yield Verbatim(label="Why it is not known:", text=found.why_unclear)
    if found.by_others:
        yield listed(_BY_OTHERS, found.by_others)


def listed(lead: str, items: Sequence[str], noun: str = "difference") -> Bullets:
    """Return a list, which says how many items there are where a terminal shows but some of them."""
    count = f" ({plural(len(items), noun)}, all of them in the JSON of -o OUT.json)"
    return Bullets(lead=f"{lead}{count if len(items) > _FEW else ''}:", items=tuple(items))


def _rows(found: Rehearsal) -> Iterator[Node]:
    if found.rows:
        yield Verbatim(label="Its rows differ from those of a fresh installation:", text=found.rows, is_failure=True)
        yield Paragraph(text=_EMPTY)
    elif found.incomparable:
        yield Verbatim(
            label="Its rows could not be compared with those of a fresh installation:",
            text=found.incomparable,
            is_failure=True,
        )
    elif found.compared and not found.by_state:
        yield Paragraph(
            text="Its invariants hold, as in a fresh installation that executed the same calls: "
            f"{', '.join(map(name, found.compared))}. They do not tell whether rows are gone, as queries over the "
            "state would."
        )
    elif found.compared:
        yield Paragraph(
            text="Its rows are those of a fresh installation that executed the same calls, by "
            f"{', '.join(map(name, found.compared))}."
        )
    else:
        yield Paragraph(text=f"Its rows were not compared: {_why_not(found)}.")


def _why_not(found: Rehearsal) -> str:
    """Return why nobody tried to compare rows, or why what was tried tells nothing."""
    if not found.is_done:
        return "the migration is not complete"
    if found.undecided:
        return "the workload has no state, and none of its invariants holds in a fresh installation"
    return "the workload has no state, and no invariant that can be checked here"


def _counts(found: Rehearsal) -> Iterator[Node]:
    if found.counts:
        yield listed(
            "Tables with other numbers of rows than in the fresh installation: a migration may have deleted some, "
            "or made a table and not filled it, or the number may depend on the order of calls, or on companions",
            found.counts,
        )
