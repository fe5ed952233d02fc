"""The bench: all experiments of one session, the server that they share, and the run's record.

Owns the experiments, the guarantee that each runs once however many tests request it, and the server's lifetime. Must
not know pytest's hooks: the plugin calls it.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import psycopg

from schemabench import cardinality as cardinalities
from schemabench import machine
from schemabench import workload as workloads
from schemabench.bench import subject as subjects
from schemabench.bench.asked import Asked
from schemabench.bench.findings import Findings, Key
from schemabench.bench.subject import Subject
from schemabench.bench.worker import Worker
from schemabench.candidate import BASELINE
from schemabench.errors import BrokenOffError, Interrupted, SchemabenchError, ServerError, WorkerError, tell_besides
from schemabench.noise import running
from schemabench.progress import Progress
from schemabench.records import CandidateResult, Experiment, Run
from schemabench.redaction import redact_record
from schemabench.server import SESSION_NAME, Needs, Server, serve, sweep
from schemabench.workers.link import session_name
from schemabench.workers.seat import Seat

if TYPE_CHECKING:
    from schemabench.experiment import Plan

_SPARE_ENTRANTS = 2
"""The control, and the scratch copy for calibration."""


class Bench:
    """All experiments of one session.

    Args:
        asked: The request of the run.
        progress: Shows the current stage.
        seat: This process's place among the workers that share the load; None if it is no worker.

    Attributes:
        asked: The request of the run.
        progress: Shows the current stage.
        seat: This process's place among the workers; None if it is no worker.
        findings: The findings so far.
    """

    def __init__(self, asked: Asked, progress: Progress, seat: Seat | None = None) -> None:
        self.asked = asked
        self.progress = progress
        self.seat = seat
        self.findings = Findings()
        self.most_bytes: int | None = None
        """What the data of its server may take, WAL included; None for what is free on the disk."""
        self._run_id = seat.run_id if seat else secrets.token_hex(4)
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._wanted: dict[Key, list[str]] = {}
        self._subjects: dict[str, Subject] = {}
        self._stack = ExitStack()
        self._server: Server | SchemabenchError | None = None
        self._worker = Worker(seat, asked.options.postgres, self._stack) if seat else None
        self._begun = False
        self._adopted: Run | None = None
        """The record of another process, which replaces this process's own."""

    @property
    def wanted(self) -> Mapping[Key, Sequence[str]]:
        """The candidates that tests request, one for each test, by experiment; known once tests are collected."""
        return self._wanted

    def want(self, workload: str, cardinality: str, *candidates: str) -> None:
        """Add these candidates to an experiment, which runs once its first result is requested."""
        self._wanted.setdefault((workload, cardinality), []).extend(candidates)

    def subjects(self, named: Sequence[str]) -> dict[str, Subject]:
        """Return the selected workloads that are among those `named`, or all selected ones if `named` is empty.

        Raises:
            SchemabenchError: As `subject`, and for a name without a workload.
        """
        folder = self.asked.workloads
        for name in set(named) - set(workloads.names(folder)):
            workloads.load(folder, name)
        return {name: self.subject(name) for name in self.asked.selected() if not named or name in named}

    def subject(self, name: str) -> Subject:
        """Return a workload with its candidates and cardinalities, as selected.

        Raises:
            SchemabenchError: As `subject.find`.
        """
        if name not in self._subjects:
            self._subjects[name] = subjects.find(self.asked, name)
        return self._subjects[name]

    def plan(self, workload: str, cardinality: str) -> "Plan":
        """Return the plan of an experiment, with the candidates that are `wanted`.

        Raises:
            SchemabenchError: As `subject.plan`; or this worker's own options are for fewer workers.
        """
        if self.seat:
            self.asked.check_workers(len(self.seat.names))  # on another machine, options may be others
        names = self._wanted[workload, cardinality]
        return subjects.plan(self.asked, self.subject(workload), cardinality, names)

    def sizes(self) -> dict[Key, tuple[str, Mapping[str, Any]]]:
        """Return the digest and the values of every cardinality of the run, measured or, before that, planned.

        Raises:
            SchemabenchError: As `subject` and `plan`.
        """
        if done := self.record().experiments:
            return {(one.workload, one.cardinality): (one.digest, one.values) for one in done}
        plans = {key: self.plan(*key) for key in self._wanted}
        return {key: (plan.digest, cardinalities.values(plan.values)) for key, plan in plans.items()}

    def result(self, workload: str, cardinality: str, candidate: str) -> CandidateResult:
        """Return an experiment's result for a candidate; run the experiment on the first request.

        Args:
            workload: The workload's name.
            cardinality: The cardinality's name.
            candidate: The candidate's name.

        Raises:
            SchemabenchError: The experiment could not be run: the full error on the first request, one line on the
                others.
            Interrupted: The experiment was interrupted; its results so far are in the record.
        """
        key = workload, cardinality
        self._begun = True
        if key not in self.findings.ended:
            try:
                self._measure(key)
            except Interrupted as interrupt:
                self._note(key, interrupt)
                raise
            except KeyboardInterrupt as cause:
                by = f" by {cause}" if str(cause) else ""
                measured = key in self.findings.ended
                when = "after it was measured" if measured else "before its first block. Nothing was measured"
                early = Interrupted(f"{' '.join(key)} was interrupted{by} {when}")
                self._note(key, early)
                raise early from cause
            except SystemExit:
                raise
            except BaseException as failure:  # also a test's time limit: it is not measured again
                broken_off = SchemabenchError(f"it was broken off: {failure}")
                broken_off.known = self.findings.ended.get(key)
                told = {str(one) for one in self.findings.ended.values() if isinstance(one, SchemabenchError)}
                self._keep(key, failure if isinstance(failure, SchemabenchError) else broken_off)
                if str(failure) not in told:
                    raise
            finally:
                self.progress.close()
        outcome = self.findings.ended[key]
        if isinstance(outcome, SchemabenchError):
            end = "has no result" if outcome.known is None else "was cut short"
            raise type(outcome)(f"{' '.join(key)} {end}: {outcome.headline} (see above)")
        return next(result for result in outcome.candidates if result.name == candidate)

    def experiment(self, workload: str, cardinality: str) -> Experiment:
        """Return the record of an experiment that has a result."""
        outcome = self.findings.ended[workload, cardinality]
        assert isinstance(outcome, Experiment), "an experiment with a result has a record"
        return outcome

    def follow(self, workload: str, cardinality: str) -> None:
        """Execute this worker's part of an experiment, unless that was done or tried.

        Raises:
            SchemabenchError: It cannot be executed here, or the leader was lost or stopped.
        """
        assert self._worker is not None, "only a worker follows"
        topic = self._topic((workload, cardinality))
        self._worker.follow(topic, lambda: self.plan(workload, cardinality))

    def end(self, workload: str, cardinality: str, outcome: str) -> bool:
        """Record the end and the outcome of an experiment's test in a worker; return whether it was the last.

        No other worker then waits for this one in vain.
        """
        assert self._worker is not None, "a single process has no other that waits"
        key = workload, cardinality
        return self._worker.end(self._topic(key), len(self._wanted[key]), outcome)

    def lose(self, workload: str, cardinality: str, error: WorkerError) -> WorkerError:
        """Record that an experiment was lost with the process that led it; return the error of its remaining tests.

        Args:
            workload: The workload's name.
            cardinality: The cardinality's name.
            error: Why that process is gone. It may have told the experiment's result before.
        """
        key, end = (workload, cardinality), "was measured, but not all of its tests were reported"
        if key not in {(one.workload, one.cardinality) for one in self.record().experiments}:
            self._keep(key, error)
            self._begun, end = True, "has no result"
        return WorkerError(f"{' '.join(key)} {end}: {error.headline}", remedies=error.remedies)

    def record(self) -> Run:
        """Return the record of the run so far: the finished parts, whatever else failed."""
        if self._adopted is not None:
            notices = (*self._adopted.notices, *self.findings.notices)
            return replace(self._adopted, command=self.asked.command, options=self.asked.origins, notices=notices)
        server = self._server if isinstance(self._server, Server) else None
        return Run(
            run_id=self._run_id,
            started=self._started,
            version=version("schemabench"),
            command=self.asked.command,
            machine=machine.described(),
            options=self.asked.origins,
            server=None if server is None else server.record,
            experiments=self.findings.experiments,
            crossovers=self.findings.crossovers,
            maps=self.findings.maps,
            growths=self.findings.growths,
            notices=(*(() if server is None else redact_record(server.notices)), *self.findings.notices),
        )

    def adopt(self, run: Run) -> None:
        """Replace this process's record with that of another process."""
        self._adopted, self._begun = run, True

    @property
    def is_fruitless(self) -> bool:
        """Whether experiments were begun, here or by the process that leads, and none has a result."""
        return self._begun and not self.record().experiments

    def serve(self, *, by_turns: bool = True) -> Server:
        """Return the server, started for all experiments of the session.

        With `by_turns`, it need not have connections for all entrants at once, except in a soak.

        Raises:
            UsageError: Its data are limited, and out of sight.
            ServerError: No server is available.
        """
        if self._server is None:
            entrants = max(len({BASELINE, *names}) for names in self._wanted.values()) + _SPARE_ENTRANTS
            options = self.asked.options
            try:
                self._server = self._stack.enter_context(
                    serve(
                        options.postgres,
                        Needs(
                            clients=options.clients,
                            companions=self._most(self._companions),
                            databases=entrants,
                            parts=self._most(self._databases),
                            neighbours=running.connections(noise, options.noise_speed)
                            if (noise := self.asked.noise)
                            else 0,
                            links=len(self.seat.names) if self.seat else 0,
                            by_turns=by_turns and not options.soak_s,
                        ),
                        settings=dict(options.postgres_setting),
                        run_id=self._run_id,
                        keep_databases=options.keep_databases,
                        session_name=session_name(self._run_id, self.seat.number) if self.seat else SESSION_NAME,
                        most_bytes=self.most_bytes,
                    )
                )
            except SchemabenchError as failure:
                self._server = failure
        if isinstance(self._server, SchemabenchError):
            raise self._server
        return self._server

    def _most(self, count: Callable[[Subject, Any], int]) -> int:
        """Return the largest count of all experiments; for a search, of the cardinalities that are known."""
        found = [0]
        for workload, cardinality in self._wanted:
            one = self.subject(workload)
            known = one.found.workload.cardinalities
            found += [count(one, known[name]) for name in ([cardinality] if cardinality in known else known)]
        return max(found)

    def _companions(self, one: Subject, values: Any) -> int:  # noqa: ANN401 (a workload's own type)
        """Return the connections of companions to one database."""
        left_out = self.asked.options.without_companions
        return 0 if left_out else sum(companion.clients for companion in one.found.workload.companions(values))

    def _databases(self, one: Subject, values: Any) -> int:  # noqa: ANN401 (a workload's own type)
        """Return the most databases of a candidate."""
        apart = any(candidate.databases == "part" for candidate in one.candidates.values())
        return max(1, len(one.found.parts(values).names)) if apart else 1

    def sweep(self, run_id: str) -> None:
        """Remove what dead workers left behind, by the id of their run.

        Raises:
            SchemabenchError: The server cannot be reached.
        """
        sweep(self.asked.options.postgres, run_id)

    def close(self) -> None:
        """Stop the server and drop what is left on it.

        Raises:
            ServerError: Something could not be dropped.
        """
        self._stack.close()

    def _measure(self, key: Key) -> None:
        """Run an experiment, and keep its record before the other workers are dismissed: that may be interrupted."""
        from schemabench.experiment import measure  # noqa: PLC0415 (as in `subject.plan`)

        plan = self.plan(*key)
        leading = self._worker.lead(self._topic(key), plan, self.serve) if self._worker else nullcontext()
        with in_words(), leading as team:
            kept(lambda: measure(plan, self.serve(), self.progress, team), partial(self._keep, key))

    def _note(self, key: Key, interrupt: Interrupted) -> None:
        """Keep why an interrupted experiment has no record, unless it has one."""
        if interrupt.known is None and key not in self.findings.ended:
            self._keep(key, BrokenOffError(str(interrupt)))

    def _keep(self, key: Key, outcome: Experiment | SchemabenchError) -> None:
        self.findings = self.findings.with_ended(key, outcome)

    def _topic(self, key: Key) -> int:
        """Return the number of an experiment, from 1: the same in all workers, since they collect the same tests."""
        return list(self._wanted).index(key) + 1


@contextmanager
def ended(bench: Bench, conclude: Callable[[], object]) -> Iterator[None]:
    """Close a bench at the end of the block, whose own error stays the error, and tells what could not be dropped.

    Args:
        bench: The bench.
        conclude: Called before: from then on, signals tear nothing (see `signals.heeded`).

    Raises:
        ServerError: Something could not be dropped, and the block raises nothing.
    """
    try:
        yield
    except BaseException as error:
        conclude()
        try:
            bench.close()
        except SchemabenchError as problem:
            tell_besides(error, problem)
        raise
    conclude()
    bench.close()


def kept(measure: Callable[[], Experiment], keep: Callable[[Experiment], object]) -> Experiment:
    """Return the record of an experiment, after passing it on; also that of one cut short, as far as it came.

    Args:
        measure: Runs it.
        keep: Receives the record before what ended the experiment early is raised.

    Raises:
        Interrupted: As `measure`, likewise whatever else that raises.
    """
    try:
        experiment = measure()
    except (Interrupted, SchemabenchError) as early:
        if early.known is not None:
            keep(early.known)
        raise
    keep(experiment)
    return experiment


@contextmanager
def in_words() -> Iterator[None]:
    """Raise an unexpected error of the server as a ServerError."""
    try:
        yield
    except psycopg.Error as cause:
        raise ServerError(
            f"The server failed: {str(cause).strip()}", sqlstate=cause.sqlstate, remedies=["run again"]
        ) from cause
