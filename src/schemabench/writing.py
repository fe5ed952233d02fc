"""The reports of a session or a command, written after every experiment so that a crash loses nothing.

Owns which of them were written, which could not be, which had vanished meanwhile, and which are of an earlier run. Must
not know pytest's hooks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from schemabench import output, report
from schemabench.errors import SchemabenchError
from schemabench.records import Run


def old(paths: Iterable[Path], folder: Path | None = None) -> Iterator[str]:
    """Yield of each report that is there, for a run without results, which writes none, that it is of an earlier one.

    Args:
        paths: As they are named.
        folder: The folder from which they are named; None for the current one.
    """
    for path in paths:
        if (folder or Path()).joinpath(path).exists():
            yield f"{path} is of an earlier run: this one has no result"


def complain_of_old(paths: Iterable[Path]) -> None:
    """Say on standard error of each report that is there that it is of an earlier run."""
    for told in old(paths):
        output.complain(told)


class Reports:
    """The reports of a session or a command.

    Args:
        paths: Where they are written.

    Attributes:
        unwritten: Those that could not be written the last time.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._written: set[Path] = set()
        self.unwritten: set[Path] = set()

    def write(self, run: Run, benchmark_json: Callable[[], Mapping[str, Any]]) -> Iterator[str]:
        """Write all reports, and yield what is to be told of them.

        Args:
            run: The results so far.
            benchmark_json: Returns the rest of a run file.
        """
        self.unwritten = set()
        for path in self._paths:
            vanished = path in self._written and not path.exists()
            try:
                if path.suffix == ".json":
                    report.write_json(benchmark_json(), run, path)
                else:
                    report.write(run, path)
            except SchemabenchError as error:
                self.unwritten.add(path)
                yield f"ERROR: {error}"
                continue
            self._written.add(path)
            if vanished:
                yield f"WARNING: {path} had vanished since it was written, and is written anew, with all results"

    def keep(self, run: Run) -> None:
        """Write all reports of a command's results so far; standard error receives what is to be told of them."""
        for told in self.write(run, dict):
            output.complain(told)

    def show(self, run: Run, width: int) -> bool:
        """Write all reports of a command's results, and print them for so many columns; return whether that succeeded.

        Without any result, it only says which files at the paths of the reports are of an earlier run. It raises
        nothing, so that an error that ended the command is told as well.
        """
        if not (run.experiments or run.maps or run.growths):
            complain_of_old(self._paths)
            return True
        self.keep(run)
        try:
            output.say(report.terminal(run, width))
        except BrokenPipeError:  # the reader of standard output has enough
            pass
        except SchemabenchError as error:
            output.complain(f"ERROR: {error}")
            return False
        return not self.unwritten
