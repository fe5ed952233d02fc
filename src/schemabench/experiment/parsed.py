"""The lines of an input file, as a workload reads them.

Owns what becomes of a line that a workload cannot use. Must not know calls, nor keep a file in memory.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from schemabench.errors import WorkloadError
from schemabench.experiment.lines import lines
from schemabench.workload import BadLineError

SHOWN_CHARACTERS = 60
"""Of a line, or of a row, in a message."""


class BadLine(NamedTuple):
    """A line that a workload could not use."""

    number: int
    text: str
    reason: str
    file: str = ""
    """The name of its file, if it is one of several."""

    def __str__(self) -> str:
        """Return the line's file and number, its beginning and the reason."""
        of_file = f"{self.file} " if self.file else ""
        return f"{of_file}line {self.number}: {self.text[:SHOWN_CHARACTERS]!r}: {self.reason}"


def parsed(path: Path, parse: Any) -> Iterator[tuple[int, Any]]:  # noqa: ANN401 (a workload's own type)
    """Yield (line number, the result of `parse` or a BadLine), without the lines for which `parse` returns None."""
    for number, line in enumerate(lines(path), start=1):
        try:
            text = line.decode()
            value = parse(text)
        except UnicodeDecodeError as cause:
            value = BadLine(number, line.decode(errors="replace"), f"byte {cause.start} is not UTF-8")
        except BadLineError as cause:
            value = BadLine(number, text, str(cause))
        except Exception as cause:
            raise WorkloadError(
                f"Parsing line {number} of {path} failed: {type(cause).__name__}: {cause}",
                checked=[f"the line: {text[:SHOWN_CHARACTERS]!r}"],
                remedies=["to skip an unusable line, raise schemabench.BadLineError"],
            ) from cause
        if value is not None:
            yield number, value


def usable(path: Path, parse: Any) -> Iterator[Any]:  # noqa: ANN401 (a workload's own type)
    """Yield the results of `parse` for the usable lines."""
    return (value for _, value in parsed(path, parse) if not isinstance(value, BadLine))
