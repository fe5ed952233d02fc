"""What is found in a cell of the table of faults, and the table itself, as Markdown.

Owns which lines of a run's output tell of a fault. Must not know how a fault comes about.
"""

import fcntl
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

BEGIN, END = "<!-- faults -->", "<!-- /faults -->"
_HEAD = ("fault", "server, and seconds until it is told", "kept", "what is told first", "left until the next run")
_SHOWN_CHARACTERS = 120
_UNDERLINED = re.compile(r"_{3,} .+ _{3,}$")
"""What pytest puts above the message of a test that failed."""
_ON_WORKER = re.compile(r"\[gw\d+\] ")
_TELLS = re.compile(r"(?:!+ (?:[\w.]+\.\w+: )?(?P<ended>.+?) !+|(?:ERROR|WARNING): (?P<said>.+))$")
"""How pytest says why it ends, and how schemabench complains."""
_NOTHING, _BARE = "nothing", {"KeyboardInterrupt", "_pytest.outcomes.Exit"}
_ADDRESSES = re.compile(
    r"sb_[0-9a-f]{8}|\(process \d+\)|process \d+ on \S+|port \d+|127\.0\.0\.1:\d+|(?<![:/\w])/[\w./-]*/(?=\w)"
    r"|\d+(\.\d+)? m?s\b"
)
"""What differs from run to run."""
_SERVER = re.compile(r"(?P<kind>\w[\w ]*) \((?P<seconds>[\d.]+|-)\)")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What became of a run that met a fault."""

    fault: str
    kind: str
    kept: str
    """The finished experiments in the run file."""
    told: str
    """The first line that tells of the fault; empty if none does."""
    seconds: float | None
    """From the fault to that line; None if there is none."""
    left: str
    """What stayed behind, which the next run removed."""


def telling(lines: Iterable[tuple[float, str]]) -> tuple[str, float | None]:
    """Return the line of a run's output that tells of a fault, and when the first such line was written.

    That is why pytest ended; else the first line of the first test that failed; else the first complaint.

    Args:
        lines: When each line was written, and the line.
    """
    below, found = False, list[tuple[int, float, str]]()
    for when, line in sorted(lines, key=lambda one: one[0]):
        if _UNDERLINED.match(line):
            below = True
        elif below and line.strip() and not _ON_WORKER.match(line):
            below = False
            found.append((1, when, line.removeprefix("E  ")))
        elif (match := _TELLS.match(line)) and (said := match["ended"] or match["said"]) not in _BARE:
            found.append((0 if match["ended"] else 2, when, said))
    if not found:
        return "", None
    return _worded(min(found, key=lambda one: one[:2])[2]), min(when for _, when, _ in found)


def _worded(line: str) -> str:
    text = _ADDRESSES.sub("...", line.strip()).replace("|", "\\|")
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS].rstrip()}..."


def put(path: Path, cells: Sequence[Cell], faults: Sequence[str], kinds: Sequence[str]) -> None:
    """Write cells into the table between a page's marks; those of other servers, and of other faults, stay.

    Args:
        path: The page.
        cells: Those that were filled.
        faults: The names of all faults, in order: rows of others go.
        kinds: Likewise, of servers.
    """
    with path.open("r+", encoding="utf-8") as page:
        fcntl.flock(page, fcntl.LOCK_EX)  # each process of a session writes its own
        before, _, rest = page.read().partition(BEGIN)
        table, _, after = rest.partition(END)
        known = {(one.fault, one.kind): one for one in (*_read(table), *cells)}
        shown = [known[fault, kind] for fault in faults for kind in kinds if (fault, kind) in known]
        page.seek(0)
        page.truncate()
        page.write("\n".join([f"{before}{BEGIN}", *_drawn(shown), f"{END}{after}"]))


def _drawn(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the lines of a table: servers where the same was found share a row."""
    yield _row(*_HEAD)
    yield "|---|---|---|---|---|"
    rows: dict[Cell, list[str]] = {}
    for one in cells:
        seconds = "-" if one.seconds is None else f"{one.seconds:.0f}"
        rows.setdefault(replace(one, kind="", seconds=None), []).append(f"{one.kind} ({seconds})")
    for one, servers in rows.items():
        yield _row(one.fault, ", ".join(servers), one.kept or "none", one.told or _NOTHING, one.left or _NOTHING)


def _row(*parts: str) -> str:
    return f"| {' | '.join(parts)} |"


def _read(table: str) -> Iterator[Cell]:
    """Yield the cells of a table."""
    for line in table.strip().splitlines()[2:]:
        fault, servers, kept, told, left = line.removeprefix("| ").removesuffix(" |").split(" | ")
        for server in _SERVER.finditer(servers):
            yield Cell(
                fault=fault,
                kind=server["kind"],
                kept="" if kept == "none" else kept,
                told="" if told == _NOTHING else told,
                seconds=None if server["seconds"] == "-" else float(server["seconds"]),
                left="" if left == _NOTHING else left,
            )
