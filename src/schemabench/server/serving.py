"""A server in use by one run: its databases, its record, its health.

Owns the session whose lock shows that the run is alive, and the removal of its databases. Must not start a server.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import psutil
import psycopg
from psycopg.rows import TupleRow

from schemabench.errors import SchemabenchError, ServerError, tell_besides
from schemabench.records import Notice, ServerRecord
from schemabench.server import admission, dropping, outside
from schemabench.server import database as databases
from schemabench.server import roles as roles_of_writers
from schemabench.server import settings as server_settings
from schemabench.server.database import Database, Databases, Mark
from schemabench.server.dsn import Conninfo, connect, describe, pinned, recovering, with_words, without_secrets
from schemabench.server.offer import untested
from schemabench.server.source import Source

_LOG_DELAY_S = 0.5
"""Time limit for a server to log that one of its processes was killed."""
_RECOVERY_LIMIT_S = 10.0
"""Time limit for a crashed server to recover before a lost session is given up."""
_POLL_S = 0.02
_FLUSH = "SELECT pg_catalog.pg_stat_force_next_flush()"
"""Counts the cost of making or dropping a database at once; otherwise the server would count it seconds later, in
someone else's measurement."""
_FLUSH_SINCE = 150000


class Server:
    """A server and a run's databases on it.

    Attributes:
        conninfo: The conninfo of the maintenance database; may hold a password, which its repr hides.
        asked: The user's own settings; on an external server in the server's own form, as in `8MB` for `8192kB`.
        record: The server, as a report describes it.
        notices: Caveats for figures from it.
        is_local: Whether its processes run on this machine and psutil sees them.
        owned: Whether it belongs to this run alone and is removed with it.
        source: The running server.
        run_id: The run.
        connections: How many connections the run may have, by the limits of the server and of the role at its start;
            those through which workers meet are left out.
        kept: Databases for later experiments of the run, each with what it was made from; the last used goes last.
        most_bytes: What its data may take, WAL included; None for what is free on its disk.
    """

    def __init__(  # noqa: PLR0913 - called in one place, by `attend`
        self,
        source: Source,
        session: psycopg.Connection[TupleRow],
        *,
        conninfo: Conninfo,
        run_id: str,
        keep_databases: bool,
        asked: Mapping[str, str],
        set_by: Mapping[str, str],
        left: tuple[Notice, ...],
        connections: int,
    ) -> None:
        self.conninfo = conninfo
        self.asked = asked
        self.owned = source.owned
        self.is_local = source.data is not None or _on_this_machine(session)
        self.notices = (*source.notices, *untested(session.info.server_version // 10000), *left)
        self.source = source
        self.connections = connections
        self._session = session
        self._recovered_by_s: float | None = None
        self.run_id = run_id
        self._keep = keep_databases
        self._set_by = set_by
        self._databases: dict[str, Database] = {}
        self._staying: set[str] = set()
        """Databases that outlive the run."""
        self._patience = dropping.Patience()
        self.kept: list[tuple[object, Databases]] = []
        self.most_bytes: int | None = None
        self._version = (session.info.parameter_status("server_version") or "").partition(" ")[0]
        self.record = self._read_record(session)

    def __repr__(self) -> str:
        return f"<Server {self.record.origin}>"

    @property
    def data(self) -> Path | None:
        """The data folder, if the server is ours and on this machine."""
        return self.source.data

    @property
    def pids(self) -> tuple[int, ...]:
        """The server's current processes, if the server is ours and on this machine."""
        return self.source.pids

    @property
    def databases(self) -> tuple[Database, ...]:
        """The databases of this run, in order of creation."""
        return tuple(self._databases.values())

    def conninfo_for(self, database: str) -> str:
        """Return the conninfo of one of the server's databases."""
        return with_words(self.conninfo, dbname=database)

    def create(self, label: str) -> Database:
        """Create an empty database for this run.

        Args:
            label: Its purpose.

        Raises:
            ServerError: The server refuses, has no space left, or is gone.
        """

        def make(session: psycopg.Connection[TupleRow], name: str, mark: Mark) -> None:
            databases.create(session, name, mark)
            self._give(name, {} if self.source.owned else self.asked)

        return self._add(label, make)

    def clone(self, template: Database, label: str, *, keep: bool = False) -> Database:
        """Copy a database of this run, settings included; it must have no connections.

        Args:
            template: The database.
            label: The purpose of the copy.
            keep: Whether the copy outlives the run if the user asked for that.

        Raises:
            ServerError: The server refuses, has no space left, or is gone.
        """

        def make(session: psycopg.Connection[TupleRow], name: str, mark: Mark) -> None:
            databases.clone(session, template.name, name, mark)
            self._give(name, *server_settings.of_database(session, template.name))  # the server copies everything else

        return self._add(label, make, keep=keep)

    def drop(self, database: Database) -> None:
        """Drop a database of this run and end all connections to it.

        Raises:
            ServerError: It does not carry this run's mark, or the server refuses or is gone.
        """
        self._staying.discard(database.name)  # even if it cannot be dropped now: the end of the run tries again
        with self._words(f"Dropping the database {database.name}") as session:
            dropping.drop(session, database.name, self.run_id, self._patience)
            _flush(session)
        self._databases.pop(database.name, None)

    def standing(self, before: outside.Standing | None = None) -> outside.Standing:
        """Return the server's objects outside the databases of runs; nothing for a server that is removed with the run.

        Raises:
            ServerError: The server refuses or is gone.
        """
        if self.source.owned:
            return {}
        with self._words("Reading the server's roles, settings and other shared objects") as session:
            return outside.look(session, before)

    def provide(self, roles: Iterable[str]) -> None:
        """Make sure that roles exist: a server that is removed with the run gets them, without any right.

        Raises:
            UsageError: Another server lacks one.
            ServerError: The server refuses or is gone.
        """
        with self._words("Looking for the roles of writers") as session:
            roles_of_writers.provide(session, roles, create=self.source.owned)

    def alive(self) -> bool:
        """Return whether the server runs: its process if that is ours, otherwise whether it answers."""
        if self.source.owned or not self.source.alive():
            return self.source.alive()
        with suppress(SchemabenchError, psycopg.Error):
            self._connected()
            return True
        return False

    def begin(self) -> None:
        """Begin an experiment: crashes before it, from which the server has recovered, are no failure in it."""
        self.source.forget_crashes()

    def failure(self) -> str | None:
        """Return how the server died, or crashed and recovered, with the end of its log; None if it did neither.

        Call it only after a lost connection: it takes half a second if nothing is wrong.
        """
        deadline = time.monotonic() + (_LOG_DELAY_S if self.source.owned else 0)
        while (reason := self.source.failure()) is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)  # a lost connection is seen before the log explains it
        if reason is None:
            try:
                self._connected()
            except (SchemabenchError, psycopg.Error) as error:
                reason = without_secrets(getattr(error, "what", str(error)), self.conninfo)
        return reason

    def close(self) -> None:
        """Drop the run's remaining databases, unless they outlive it or go with the server, and disconnect.

        Raises:
            ServerError: Some could not be dropped; the next run on this server will.
        """
        problems: dict[str, ServerError] = {}
        self._patience = dropping.Patience()  # who was waited for in vain may have left by now
        if not self.source.owned:
            for database in [one for one in self.databases if one.name not in self._staying]:
                try:
                    self.drop(database)
                except ServerError as error:
                    problems[database.name] = error
        self._session.close()
        if problems:
            raise dropping.left(self.record.origin, problems)

    def who_set(self, name: str, value: str, source: str) -> str:
        """Return the readable source of a setting in a session in one of our databases.

        Args:
            name: The setting's name.
            value: Its value in the server's form.
            source: Its source as the server names it.
        """
        if self.source.owned and source == "command line":
            return self._set_by.get(name, source)
        if not self.source.owned and source == "database" and name in self.asked:
            kept = server_settings.shown(name, self.asked[name]) == value
            return server_settings.OPTION if kept else server_settings.in_words(source)
        return server_settings.in_words(source)

    def _give(self, name: str, settings: Mapping[str, str], for_role: Mapping[str, str] = MappingProxyType({})) -> None:
        """Give a database its own settings: for all roles, and for our role alone."""
        if settings or for_role:
            with closing(connect(self.conninfo_for(name))) as inside:
                server_settings.give(inside, name, settings)
                server_settings.give(inside, name, for_role, role=True)

    def _add(
        self, label: str, make: Callable[[psycopg.Connection[TupleRow], str, Mark], None], *, keep: bool = False
    ) -> Database:
        name = databases.database_name(self.run_id, label, self._databases)
        database, stays = Database(name=name, label=label), self._keep and keep
        with self._words(f"Making the database {name}") as session:
            self._databases[name] = database  # before it is made: an interrupt in between must not leave it behind
            try:
                make(session, name, Mark(run=self.run_id, label=label, keep=stays))
                _flush(session)
            except Exception:
                with suppress(SchemabenchError, psycopg.Error):
                    dropping.drop(session, name, self.run_id, self._patience)
                    del self._databases[name]
                raise
        if stays:
            self._staying.add(name)
        return database

    @contextmanager
    def _words(self, doing: str) -> Iterator[psycopg.Connection[TupleRow]]:
        """Yield the session, and turn the server's refusals into errors that name `doing`."""
        try:
            session = self._connected()
        except ServerError as error:
            lost = self.source.owned
            problem = ServerError(f"{doing} failed: {error.what}", remedies=error.remedies)
        else:
            try:
                yield session
            except psycopg.Error as error:
                lost, problem = session.closed or session.broken, databases.worded(error, doing)
            else:
                return
        reason = self.failure() if lost else None
        raise databases.lost(reason, doing) if reason else problem

    def _connected(self) -> psycopg.Connection[TupleRow]:
        """Return the session that holds the run's lock, reopened if it was lost."""
        try:
            self._session.execute("SELECT 1")
        except psycopg.Error:
            self._session.close()
            self._recovered_by_s = self._recovered_by_s or time.monotonic() + _RECOVERY_LIMIT_S  # waited for once
            while True:
                try:
                    self._session = open_session(self.conninfo, self.run_id)
                    break
                except ServerError as error:
                    restarting = recovering(error) or (self.source.owned and self.source.alive())
                    if not restarting or time.monotonic() > self._recovered_by_s:
                        raise
                time.sleep(_POLL_S)
            self._recovered_by_s = None
        return self._session

    def _read_record(self, session: psycopg.Connection[TupleRow]) -> ServerRecord:
        place = self.source.origin or describe(self.conninfo)
        origin = place if self._version in place else f"{place} (PostgreSQL {self._version})"
        return ServerRecord(
            origin=origin,
            version=self._version,
            version_num=session.info.server_version,
        )


@contextmanager
def attend(  # noqa: PLR0913 - a run's requirements of its server
    source: Source,
    *,
    asked: Mapping[str, str],
    ours: Mapping[str, str],
    needs: admission.Needs,
    run_id: str,
    keep: bool,
    session_name: str,
) -> Iterator[Server]:
    """Prepare a running server for a run, and drop the run's databases at the end of the block.

    Raises:
        ServerError: Its version is refused, it is a standby, or we may not create databases there.
        UsageError: The server refuses a setting of the user's, or has too few connections for the clients.
    """
    conninfo = with_words(source.conninfo, application_name=session_name)
    session = open_session(conninfo, run_id)
    conninfo = pinned(conninfo, session)
    try:
        admission.check_fitness(session, describe(conninfo))
        connections = admission.check_room(session, needs, owned=source.owned)
        if not source.owned:
            asked = server_settings.check_per_database(session, asked)
        left = () if source.owned else dropping.sweep(session, run_id)
        server = Server(
            source,
            session,
            conninfo=conninfo,
            run_id=run_id,
            keep_databases=keep,
            asked=asked,
            set_by=server_settings.sources(ours, asked),
            left=left,
            connections=connections,
        )
    except BaseException:
        session.close()
        raise
    try:
        yield server
    except BaseException as error:
        try:
            server.close()
        except SchemabenchError as problem:
            tell_besides(error, problem)
        raise
    server.close()


def open_session(conninfo: Conninfo, run_id: str) -> psycopg.Connection[TupleRow]:
    """Connect to the maintenance database and hold the run's lock there."""
    session = connect(conninfo, measured=True)
    try:
        databases.take_lock(session, run_id)
    except BaseException:
        session.close()
        raise
    return session


def _flush(session: psycopg.Connection[TupleRow]) -> None:
    """Make a session report its counts to the server's statistics, if it may."""
    if session.info.server_version >= _FLUSH_SINCE:
        with suppress(psycopg.errors.InsufficientPrivilege):  # the counters tell what is missing for that
            session.execute(_FLUSH)


def _on_this_machine(session: psycopg.Connection[TupleRow]) -> bool:
    """Return whether psutil sees the process that serves the session."""
    host = session.info.host
    if not host.startswith("/") and session.info.hostaddr not in ("127.0.0.1", "::1"):
        return False
    with suppress(psutil.Error):
        return " ".join(psutil.Process(session.info.backend_pid).cmdline()).startswith("postgres:")
    return False
