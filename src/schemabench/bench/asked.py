"""The request of a run: its settings, and the folders in which it finds the names in them.

Owns what follows from these alone. Must not load a workload, except to refuse its name.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from schemabench import machine, report
from schemabench import workload as workloads
from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.noise import reading, running
from schemabench.noise.model import Model
from schemabench.options import Options
from schemabench.records import LOCK_WAITS, THROUGHPUT, OptionValue


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The request of a run, which never changes."""

    options: Options
    """The settings."""
    origins: tuple[OptionValue, ...]
    """The source of each setting."""
    root: Path
    """The folder that contains the folders of schemas and workloads."""
    folder: Path
    """The folder to which paths on the command line are relative."""
    command: str
    """The command that repeats the run."""
    smoke: bool = False
    """Whether experiments have a single block, and nothing after it, only to check that everything works."""

    @cached_property
    def noise(self) -> Model | None:
        """The model of other tenants; None without.

        Raises:
            UsageError: The file cannot be read, is no such model, none of its jobs runs, or they run too often.
        """
        if self.options.noise is None:
            return None
        model = reading.read(self.folder / self.options.noise)
        running.check(model, self.options.noise_speed, "--noise-speed")
        return model

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
        """Refuse invalid systems, names, inputs and reports before anything is started.

        Raises:
            UsageError: With the nearest existing name, or the folder that prevents writing.
        """
        machine.check()
        for path in self.reports:
            report.check_writable(path)
        known = workloads.names(self.workloads)
        replayed = [name.partition(".")[0] for name, _ in self.options.replay]
        for name in (*self.options.workload, *replayed):
            if name not in known:
                workloads.load(self.workloads, name)
        self._check_details()
        chosen = self.selected()
        for name in replayed:
            if name not in chosen:
                raise UsageError(f"--replay {name}=... is for a workload that is not selected: {', '.join(chosen)}")
        given = dict(self.options.replay)
        for name, _ in self.options.replay_range:
            if name not in given:
                raise UsageError(
                    f"--replay-range {name}=... needs --replay {name}=FOLDER as well{nearest(name, tuple(given))}"
                )

    def _check_details(self) -> None:
        """Refuse details of what is not asked for; an ini file and the environment may keep them for other runs.

        Raises:
            UsageError: The command line has one.
        """
        details = (
            ("--noise-speed", "the speed of the jobs of --noise", self.noise, "--noise NOISE.json"),
            ("--race-places", "the number of places of --race", self.options.race, "--race"),
            ("--soak-closed", "the pace of --soak", self.options.soak_s, "--soak TIME"),
        )
        given = {one.name for one in self.origins if one.source == "command line"}
        for detail, about, whole, remedy in details:
            if detail in given and not whole:
                raise UsageError(
                    f"{detail} is {about}, which is not given", remedies=[f"add {remedy}", f"leave out {detail}"]
                )

    def check_workers(self, workers: int) -> None:
        """Refuse more workers than connections.

        Raises:
            UsageError: With how many of either would do.
        """
        clients = self.options.clients
        if clients < workers:
            raise UsageError(
                f"--clients {clients} is fewer than the {workers} workers: each must have a connection",
                remedies=[f"use at least --clients {workers}", f"use fewer workers: -n {clients}"],
            )

    def check_pairs(self, workers: int) -> None:
        """Refuse options of a ranking that exclude each other, with `workers` processes that execute bursts.

        Raises:
            UsageError: With what to leave out.
        """
        soaks = self.options.soak_s and not self.smoke
        if soaks and workers > 1:
            raise UsageError(
                f"--soak needs one process, and there are {workers}: candidates take turns on copies to which one "
                "process is connected",
                remedies=["leave out -n, or use -n 1", "leave out --soak"],
            )
        if soaks and self.options.noise is not None:
            raise UsageError(
                "--soak has no --noise: the jobs of other tenants have ended by then",
                remedies=["leave out --noise, or --soak"],
            )
        if self.options.race and {*self.options.criteria} - {THROUGHPUT.name, LOCK_WAITS.name}:
            from schemabench.experiment import check_criteria  # noqa: PLC0415 (scipy takes seconds to load)

            check_criteria(self.options.criteria, race=True)
