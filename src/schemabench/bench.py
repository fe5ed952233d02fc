"""The bench: all evaluations of one pytest session, the server that they share, and the run's record.

Owns which experiments there are, that each runs once however many tests ask for it, and the server's life. Must not
know pytest's hooks: the plugin calls it.
"""

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from schemabench import candidate as candidates
from schemabench import cardinality as cardinalities
from schemabench import machine, report
from schemabench import workload as workloads
from schemabench.candidate import BASELINE, Candidate
from schemabench.errors import Interrupted, SchemabenchError, ServerError, UsageError
from schemabench.options import Options
from schemabench.progress import Progress
from schemabench.records import CandidateResult, Crossover, Experiment, Notice, OptionValue, RatioMap, Run
from schemabench.server import SESSION_NAME, Server, serve, sweep
from schemabench.workers.link import session_name
from schemabench.workers.meeting import Meeting
from schemabench.workers.seat import Seat

if TYPE_CHECKING:
    from schemabench.experiment import Plan

_SPARE_ENTRANTS = 2
"""The control, and the scratch copy that the burst is calibrated on."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A workload that was found, with what can be chosen of it."""

    found: workloads.Found
    candidates: Mapping[str, Candidate]
    """By name, the baseline first: those that are selected, and the baseline."""
    selected: tuple[str, ...]
    """The candidates that tests are made for."""
    cardinalities: tuple[str, ...]
    """The cardinalities to run at."""


@dataclass(kw_only=True)
class Bench:
    """All evaluations of one session.

    Attributes:
        options: The settings of the session.
        origins: Where each of them came from.
        root: The folder that holds the folders of schemas and workloads.
        folder: The folder that paths on the command line start from.
        command: What repeats the run.
        progress: Whoever watches.
        seat: This process's place among the workers that share the load; None in a process that is no worker.
        wanted: (workload, cardinality) -> the candidates that tests ask for, known once tests are collected.
        crossovers: Searches for where the answer changes, added by whoever makes them; likewise the next two.
        maps: Of ratios over two sizes.
        further: Experiments that were made for searches.
    """

    options: Options
    origins: tuple[OptionValue, ...]
    root: Path
    folder: Path
    command: str
    progress: Progress
    seat: Seat | None = None
    wanted: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    crossovers: list[Crossover] = field(default_factory=list)
    maps: list[RatioMap] = field(default_factory=list)
    further: list[Experiment] = field(default_factory=list)
    run_id: str = ""
    """Random, or the one that all workers share."""
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    _subjects: dict[str, Subject] = field(default_factory=dict)
    _finished: dict[tuple[str, str], Experiment | SchemabenchError] = field(default_factory=dict)
    _followed: set[tuple[str, str]] = field(default_factory=set)
    _ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    _server: Server | SchemabenchError | None = None
    _meeting: Meeting | None = None
    _adopted: Run | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.run_id = self.seat.run_id if self.seat else secrets.token_hex(4)
        if self.seat:
            self._meeting = Meeting(self.seat, self.options.postgres, self._stack)

    def check(self) -> None:
        """Refuse what cannot work before anything is started: the system, names, inputs, reports.

        Raises:
            UsageError: With the nearest name that does exist, or the folder that is in the way.
        """
        machine.check()
        for path in self.reports():
            report.check_writable(path)
        known = workloads.names(self.root / self.options.workloads)
        replayed = [name.partition(".")[0] for name, _ in self.options.replay]
        for name in (*self.options.workload, *replayed):
            if name not in known:
                workloads.load(self.root / self.options.workloads, name)
        chosen = self.workloads()
        for name in replayed:
            if name not in chosen:
                raise UsageError(f"--replay {name}=... is for a workload that is not selected: {', '.join(chosen)}")

    def reports(self) -> tuple[Path, ...]:
        """Return the reports to write."""
        return tuple(self.folder / path for path in self.options.report)

    def workloads(self) -> tuple[str, ...]:
        """Return the names of the selected workloads."""
        known = workloads.names(self.root / self.options.workloads)
        return tuple(name for name in known if not self.options.workload or name in self.options.workload)

    def subjects(self, named: Sequence[str]) -> dict[str, Subject]:
        """Return the selected workloads that are among those `named`, or all that are selected where none is.

        Raises:
            SchemabenchError: As `subject`, and for a name that no workload has.
        """
        folder = self.root / self.options.workloads
        for name in set(named) - set(workloads.names(folder)):
            workloads.load(folder, name)
        return {name: self.subject(name) for name in self.workloads() if not named or name in named}

    def subject(self, name: str) -> Subject:
        """Return a workload with its candidates and cardinalities, as selected.

        Raises:
            UsageError: A name is unknown.
            CandidateError: A candidate's file is wrong.
            WorkloadError: The workload is wrong.
        """
        if name not in self._subjects:
            found = workloads.with_frozen(workloads.load(self.root / self.options.workloads, name))
            known = candidates.find(self.root / self.options.schemas / name)
            wanted = [one for one in self.options.candidate if one in known] or self._unknown(known)
            selected = tuple(one.name for one in candidates.select(known, wanted))
            if self.options.neutral_ids and len(selected) != 1:
                raise UsageError(
                    f"--neutral-ids needs one candidate, not {len(selected)}: {', '.join(selected)}",
                    remedies=["add --candidate NAME"],
                )
            self._subjects[name] = Subject(
                found=found,
                candidates={one.name: one for one in candidates.select(known, {BASELINE, *selected})},
                selected=selected,
                cardinalities=cardinalities.select(name, found.workload.cardinalities, self.options.cardinality),
            )
        return self._subjects[name]

    def result(self, workload: str, cardinality: str, candidate: str, *, rehearse: bool) -> CandidateResult:
        """Return what an experiment found out about a candidate; run the experiment if nobody asked before.

        Args:
            workload: The workload's name.
            cardinality: The cardinality's name.
            candidate: The candidate's name.
            rehearse: Whether to run a single block only, to see that everything works.

        Raises:
            SchemabenchError: The experiment could not be run: in full for who asks first, in a line for the others.
            Interrupted: It was; what is known by then is in the record.
        """
        key = workload, cardinality
        if key not in self._finished:
            try:
                self._finished[key] = self._measure(workload, cardinality, rehearse=rehearse)
            except Interrupted as interrupt:
                if interrupt.known is not None:
                    self._finished[key] = interrupt.known
                raise
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as failure:  # also a test's time limit: nobody measures it all over again
                broken_off = SchemabenchError(f"it was broken off: {failure}")
                self._finished[key] = failure if isinstance(failure, SchemabenchError) else broken_off
                raise
            finally:
                self.progress.close()
        outcome = self._finished[key]
        if isinstance(outcome, SchemabenchError):
            raise type(outcome)(f"{' '.join(key)} has no result: {outcome.what}")
        return next(result for result in outcome.candidates if result.name == candidate)

    @property
    def finished(self) -> int:
        """How many experiments are over, well or not."""
        return len(self._finished)

    def record(self) -> Run:
        """Return the record of the run so far: what is finished, whatever else went wrong."""
        if self._adopted is not None:
            return replace(self._adopted, command=self.command, options=self.origins)
        server = self._server if isinstance(self._server, Server) else None
        failures = [(key, one) for key, one in self._finished.items() if isinstance(one, SchemabenchError)]
        return Run(
            run_id=self.run_id,
            started=self.started,
            version=version("schemabench"),
            command=self.command,
            machine=machine.described(),
            options=self.origins,
            server=None if server is None else server.record,
            experiments=(
                *(one for one in self._finished.values() if isinstance(one, Experiment)),
                *self.further,
            ),
            crossovers=tuple(self.crossovers),
            maps=tuple(self.maps),
            notices=(
                *(() if server is None else server.notices),
                *(
                    Notice(code="experiment-failed", text=f"{' '.join(key)} has no result: {one.what}")
                    for key, one in failures
                ),
                *(Notice(code="server-changed", text=text) for _, one in failures for text in one.notices),
            ),
        )

    def adopt(self, run: Run) -> None:
        """Take over what another process has found out so far, in place of a record of our own."""
        self._adopted = run

    def follow(self, workload: str, cardinality: str, *, rehearse: bool) -> None:
        """Execute this worker's part of an experiment, unless that was done or tried.

        Raises:
            SchemabenchError: It cannot be executed here, or the leader is gone.
        """
        key = workload, cardinality
        if key in self._followed:
            return
        self._followed.add(key)
        from schemabench.workers.follower import follow  # noqa: PLC0415 (as in `_measure`)

        plan = self.plan(workload, cardinality, rehearse=rehearse)
        assert self._meeting is not None, "only a worker follows"
        _ = plan.seats(self._meeting.workers)  # an error of this needs no server
        if link := self._meeting.join(self._topic(key)):
            follow(plan, link, self._meeting.seat)

    def end(self, workload: str, cardinality: str, outcome: str) -> None:
        """Note that a test of an experiment is over; after the last, no other worker waits for this one.

        A test may fail or be skipped before it asks for anything: on this worker alone, or on all.

        Args:
            workload: The workload's name.
            cardinality: The cardinality's name.
            outcome: How the test ended, for the leader to say.
        """
        key = workload, cardinality
        self._ended[key] += 1
        if self._meeting is None or self._ended[key] < len(self.wanted[key]):
            return
        if self._meeting.seat.leads:
            self._meeting.dismiss(self._topic(key))
        elif key not in self._followed:
            self._followed.add(key)
            self._meeting.excuse(self._topic(key), f"its test ended before it evaluated anything: {outcome}")

    def sweep(self, run_id: str) -> None:
        """Remove what workers left behind that died, by the id of their run.

        Raises:
            SchemabenchError: The server cannot be reached.
        """
        sweep(self.options.postgres, run_id)

    def close(self) -> None:
        """Stop the server and drop what is left on it.

        Raises:
            ServerError: Something could not be dropped.
        """
        self._stack.close()

    def _measure(self, workload: str, cardinality: str, *, rehearse: bool) -> Experiment:
        # scipy takes seconds to load: neither an ordinary session nor a mistyped option should wait for it
        from schemabench.experiment import measure  # noqa: PLC0415
        from schemabench.workers.leader import lead  # noqa: PLC0415

        plan = self.plan(workload, cardinality, rehearse=rehearse)
        with in_words():
            if self._meeting is None:
                return measure(plan, self.serve(), self.progress)
            _ = plan.seats(self._meeting.workers)  # an error of this needs no server
            link = self._meeting.host(self.serve, self._topic((workload, cardinality)))
            with lead(plan, link, self._meeting.seat) as team:
                return measure(plan, self.serve(), self.progress, team)

    def plan(self, workload: str, cardinality: str, *, rehearse: bool) -> "Plan":
        """Return what an experiment is to do, with the candidates that are `wanted`.

        Raises:
            UsageError: An input or the number of clients does not fit.
            WorkloadError: A call is not acceptable, or cannot be sent to a server.
        """
        from schemabench.experiment import Feed, Plan, check_burst, check_inputs  # noqa: PLC0415 (as in `_measure`)

        subject = self.subject(workload)
        names = self.wanted[workload, cardinality]
        plan = Plan(
            found=subject.found,
            cardinality=cardinality,
            candidates=tuple(one for one in subject.candidates.values() if one.name in {BASELINE, *names}),
            clients=self.options.clients,
            budget_s=0.0 if rehearse else self.options.budget_s,
            precision=self.options.precision,
            adequacy_s=0.0 if rehearse else self.options.adequacy_s,
            upkeep=self.options.upkeep,
            lead_in=self.options.lead_in,
            call_timeout_s=self.options.call_timeout_s,
            burst=self.options.burst,
            sample_hz=self.options.sample_hz,
            equivalence=self.options.equivalence,
            seed=self.options.seed,
            inputs={name: path for name, path in self.options.replay if name.partition(".")[0] == workload},
            keep_databases=self.options.keep_databases,
            allow_server_changes=self.options.allow_server_changes,
        )
        check_inputs(plan.found, plan.inputs)  # errors of this and the next need no server
        check_burst(Feed(plan.found, plan.values, plan.seed, plan.inputs), plan.writers)
        return plan

    def sizes(self) -> dict[tuple[str, str], tuple[str, Mapping[str, Any]]]:
        """Return the digest and the values of every cardinality that was run at, or before that is to be.

        Raises:
            SchemabenchError: As `subject` and `plan`.
        """
        if done := self.record().experiments:
            return {(one.workload, one.cardinality): (one.digest, one.values) for one in done}
        plans = {key: self.plan(*key, rehearse=True) for key in self.wanted}
        return {key: (plan.digest, cardinalities.values(plan.values)) for key, plan in plans.items()}

    def _topic(self, key: tuple[str, str]) -> int:
        """Return the number of an experiment, from 1: the same in all workers, since they collect the same tests."""
        return list(self.wanted).index(key) + 1

    def serve(self) -> Server:
        """Return the server, started for all experiments of the session.

        Raises:
            ServerError: No server can be had.
        """
        if self._server is None:
            entrants = max(len({BASELINE, *names}) for names in self.wanted.values()) + _SPARE_ENTRANTS
            try:
                self._server = self._stack.enter_context(
                    serve(
                        self.options.postgres,
                        settings=dict(self.options.postgres_setting),
                        clients=self.options.clients,
                        databases=entrants,
                        run_id=self.run_id,
                        keep_databases=self.options.keep_databases,
                        session_name=session_name(self.run_id, self.seat.number) if self.seat else SESSION_NAME,
                    )
                )
            except SchemabenchError as failure:
                self._server = failure
        if isinstance(self._server, SchemabenchError):
            raise self._server
        return self._server

    def _unknown(self, known: Mapping[str, Candidate]) -> Sequence[str]:
        """Return the candidates that are asked for and that no selected workload has."""
        if not self.options.candidate:
            return ()
        folders = [self.root / self.options.schemas / name for name in self.workloads()]
        everywhere = {name for folder in folders if folder.is_dir() for name in candidates.find(folder)}
        strangers = [name for name in self.options.candidate if name not in everywhere]
        return strangers or [next(iter(known))]


@contextmanager
def in_words() -> Iterator[None]:
    """Put what nobody expected of the server into words."""
    try:
        yield
    except psycopg.Error as cause:
        raise ServerError(
            f"The server failed: {str(cause).strip()}", sqlstate=cause.sqlstate, remedies=["run again"]
        ) from cause
