"""What a run was asked: its settings, and where it looks for what they name.

Owns what follows from these alone. Must not load a workload, but to refuse its name.
"""

from dataclasses import dataclass
from pathlib import Path

from schemabench import machine, report
from schemabench import workload as workloads
from schemabench.errors import UsageError
from schemabench.options import Options
from schemabench.records import OptionValue


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a run was asked, once and for all."""

    options: Options
    """The settings."""
    origins: tuple[OptionValue, ...]
    """Where each of them came from."""
    root: Path
    """The folder that holds the folders of schemas and workloads."""
    folder: Path
    """The folder that paths on the command line start from."""
    command: str
    """What repeats the run."""

    @property
    def workloads(self) -> Path:
        """The folder of the workloads."""
        return self.root / self.options.workloads

    def schemas(self, workload: str) -> Path:
        """Return the folder of a workload's candidates."""
        return self.root / self.options.schemas / workload

    @property
    def reports(self) -> tuple[Path, ...]:
        """The reports to write."""
        return tuple(self.folder / path for path in self.options.report)

    def selected(self) -> tuple[str, ...]:
        """Return the names of the selected workloads."""
        known = workloads.names(self.workloads)
        return tuple(name for name in known if not self.options.workload or name in self.options.workload)

    def check(self) -> None:
        """Refuse what cannot work before anything is started: the system, names, inputs, reports.

        Raises:
            UsageError: With the nearest name that does exist, or the folder that is in the way.
        """
        machine.check()
        for path in self.reports:
            report.check_writable(path)
        known = workloads.names(self.workloads)
        replayed = [name.partition(".")[0] for name, _ in self.options.replay]
        for name in (*self.options.workload, *replayed):
            if name not in known:
                workloads.load(self.workloads, name)
        chosen = self.selected()
        for name in replayed:
            if name not in chosen:
                raise UsageError(f"--replay {name}=... is for a workload that is not selected: {', '.join(chosen)}")
