"""Connection strings: parsing, connecting, and hiding their passwords.

Owns the errors of failed connections, the refusal of connection poolers, and the influence of libpq's environment
variables. Must never let a password into an error, a log or a repr.
"""

import os
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
from psycopg import conninfo as libpq
from psycopg import pq
from psycopg.rows import TupleRow

from schemabench.errors import ServerError, UsageError
from schemabench.server import services
from schemabench.server.connection import Connection

CONNECT_LIMIT_S = 10
"""Default `connect_timeout`: without one, an attempt on an unreachable host takes minutes."""
FORM = "postgresql://user@host:5432/database"
PASSWORD_REMEDY = "leave the password out of the DSN and put it into PGPASSWORD or ~/.pgpass"  # noqa: S105 - advice
ENCODING_REMEDY = "percent-encode special characters in user and password (@ is %40, / is %2F, : is %3A, % is %25)"

COMPLETE = {"host": "127.0.0.1", "sslmode": "disable", "gssencmode": "disable"}
"""Parameters of our own servers that libpq would otherwise take from the user's files."""
_LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")
"""Limits that a role, a database or a server sets for applications; schemabench's own sessions lift them."""
_TRANSACTION_LIMIT, _TRANSACTION_LIMIT_SINCE = "transaction_timeout", 170000
_NOT_UP = ("starting up", "shutting down", "recovery mode", "not yet accepting connections")
_FULL = ("too many clients", "remaining connection slots", "too many connections")
_FULL_REMEDIES = (
    "end other sessions on the server",
    "raise the limit in the message: the server's max_connections, or CONNECTION LIMIT of the role or the database",
)
SECRETS = ("password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret")
"""The words of a connection string that hold one."""
_ANSWERS = """
SELECT pg_catalog.pg_backend_pid(), pg_catalog.host(pg_catalog.inet_server_addr()), pg_catalog.inet_server_port()
"""
_MEASURED_REMEDY = "measure statements as a pooler has them sent: `-- prepare: never` in operations.sql"
_OWN_REMEDY = "use a server that needs no setup: --postgres embedded"
_POOLER = (
    "unsupported startup parameter",
    "no such database",
    "no such user",
    "pgbouncer",
    "query_wait_timeout",
    "use SHOW HELP",
)
"""Words of PgBouncer's own refusals."""
_REFUSED = (
    *("authentication failed", "no password supplied", "is not permitted to log in", "pg_hba.conf", "no encryption"),
    *("certificate", "the host is not UTF-8", *_POOLER),
)
"""Words of refusals that waiting does not change. Servers that are set to another language have others."""
_PASSING = (*_NOT_UP, *_FULL, "Connection refused")
"""Words of refusals that waiting may change, of one of several hosts."""
_NAMED = re.compile(r"'[^']*'|\"[^\"]*\"")
"""What messages quote: hosts, users and databases, of any name."""


@contextmanager
def unsteered() -> Iterator[None]:
    """Remove libpq's variables from the environment for the duration of the block.

    A connection string of our own servers is complete. Yet `PGTZ`, `PGDATESTYLE` and `PGGEQO` change any session, and a
    `PGSERVICE` that is not defined makes every connection fail.
    """
    taken = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("PG")}
    try:
        yield
    finally:
        os.environ.update(taken)


@contextmanager
def steered(variables: Mapping[str, str]) -> Iterator[None]:
    """Add libpq's variables to the environment for the duration of the block; those that it has stay as they are.

    Args:
        variables: From the environment of the process that started the run, perhaps on another machine.
    """
    added = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


class RefusedError(ServerError):
    """A server refuses us, and will not change that by itself: a wrong password, a pooler."""


class Conninfo(str):
    """A connection string that may hold a password, which neither its `repr` nor a traceback shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<conninfo {describe(self)}>"


def parse_dsn(text: str, flag: str = "--postgres") -> Conninfo:
    """Return a DSN, a URL or `name=value` parameters, as libpq parses it.

    Args:
        text: The DSN.
        flag: The option that it comes from.

    Raises:
        UsageError: libpq cannot parse it, or takes part of a password for something else.
    """
    try:
        words = libpq.conninfo_to_dict(text)
    except psycopg.Error as error:
        # libpq quotes the text that it cannot parse, which may be the password: only text outside quotes is shown
        reason = re.sub(r'".*"', '"..."', str(error).strip(), flags=re.DOTALL).splitlines()[0]
        raise _malformed(reason, flag) from None
    except UnicodeError:
        raise _malformed("it is not UTF-8", flag) from None
    ports = str(words.get("port", "")).split(",")
    if any(port and not port.isdecimal() for port in ports):
        raise _malformed("the port is not a number", flag)
    if "@" in str(words.get("host", "")) or "@" in str(words.get("dbname", "")):
        reason = "there is an @ in the host or the database, as when a password holds an unescaped character"
        raise _malformed(reason, flag)
    words.setdefault("application_name", "schemabench")
    conninfo = Conninfo(libpq.make_conninfo("", **words))
    return (
        conninfo
        if "connect_timeout" in _told(_words(conninfo))
        else with_words(conninfo, connect_timeout=CONNECT_LIMIT_S)
    )


def with_words(conninfo: str, **words: str | int) -> Conninfo:
    """Return the connection string with some of its parameters replaced."""
    return Conninfo(libpq.make_conninfo(conninfo, **words))


def opened(conninfo: str, *, measured: bool = False) -> psycopg.Connection[TupleRow]:
    """Open a session of schemabench's own, in autocommit mode: completely or not at all, even on Ctrl-C.

    Time limits of the role or the server are lifted: comparing rows may take longer than they allow. Behind a
    connection pooler that would lift them for other clients, so nothing is set before the server itself is known to
    answer.

    An aborted attempt would stay half open until the exception is released, since its frames hold the socket; and DROP
    DATABASE waits for half-open connections, up to `authentication_timeout`, a minute by default.

    Args:
        conninfo: The database.
        measured: Whether candidates are measured there, so that another server would do as well.

    Raises:
        psycopg.Error: The server cannot be reached or refuses us.
        RefusedError: A connection pooler answers.
    """
    try:
        connection = Connection.connect(conninfo, autocommit=True)
    except BaseException as cause:
        traceback.clear_frames(cause.__traceback__)
        raise
    try:
        _refuse_pooler(connection, measured=measured)
        _lift_limits(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_pooler(connection: psycopg.Connection[TupleRow], *, measured: bool) -> None:
    """Refuse a connection whose process is not the server's: a pooler has sessions of its own to cancel.

    Raises:
        RefusedError: Names the address at which the server listens, if it has one.
    """
    pid, host, port = connection.execute(_ANSWERS).fetchone() or (0, None, None)
    if pid == connection.info.backend_pid:
        return
    info = connection.info
    words = {"host": host or "host", "port": port or "5432", "user": info.user, "dbname": info.dbname}
    raise RefusedError(
        f"A connection pooler answers at {address(connection)}: it shares sessions between clients, so settings, "
        "prepared statements and waits could belong to others",
        checked=[f"the server itself listens on {host}, port {port}, as the pooler's machine sees it"] if host else [],
        remedies=[
            f"name the server itself, by the address that migrations use: {describe(libpq.make_conninfo('', **words))}",
            *([_MEASURED_REMEDY] if measured else []),
        ],
    )


def _lift_limits(connection: psycopg.Connection[TupleRow]) -> None:
    connection.execute(unlimited(connection.info.server_version).encode())


def unlimited(server_version: int) -> str:
    """Return the statements that lift all time limits of the session that executes them.

    Args:
        server_version: As libpq tells it, as in `180001`.
    """
    limits = (*_LIMITS, *((_TRANSACTION_LIMIT,) if server_version >= _TRANSACTION_LIMIT_SINCE else ()))
    return "; ".join(f"SET {name} = 0" for name in limits)


def connect(conninfo: str, *, measured: bool = False) -> psycopg.Connection[TupleRow]:
    """Connect, in autocommit mode; arguments are those of `opened`.

    Raises:
        ServerError: The server cannot be reached or refuses us; names its address and remedies.
        RefusedError: Likewise, where waiting is known not to change that.
    """
    try:
        return opened(conninfo, measured=measured)
    except psycopg.Error as error:
        reason = without_secrets(str(error).strip(), conninfo)
    except UnicodeError:  # psycopg looks up hosts itself
        reason = "the host is not UTF-8, nor a name of the Internet"
    # outside the except block, where the driver's frames hold the password
    if undefined := services.refused(reason, _words(conninfo)):
        raise undefined
    kind = RefusedError if _is_final(_NAMED.sub("", reason)) else ServerError
    raise kind(
        f"No connection to {describe(conninfo)}: {reason}",
        remedies=_remedies(reason, describe(conninfo), measured=measured),
    )


def recovering(error: ServerError) -> bool:
    """Return whether a connection failed only because the server is still starting or recovering."""
    return any(state in error.what for state in _NOT_UP)


def _is_final(reason: str) -> bool:
    """Return whether a message of libpq, or of the server, tells of what waiting does not change."""
    return any(words in reason for words in _REFUSED) and not any(words in reason for words in _PASSING)


def full(said: str) -> ServerError | None:
    """Return the error for a running server without a free connection; None for any other message."""
    if not any(words in said for words in _FULL):
        return None
    return ServerError(
        f"The server runs, but refused another connection: {said.strip()}",
        remedies=[*_FULL_REMEDIES, "use fewer connections: --clients"],
    )


def address(connection: psycopg.Connection[TupleRow]) -> str:
    """Return the target of an open connection, as a URL without password."""
    info = connection.info
    return describe(with_words("", host=info.host, port=info.port, user=info.user, dbname=info.dbname))


def describe(conninfo: str) -> str:
    """Return a connection string's target, as a URL without password."""
    words = _told(_words(conninfo))
    user = words.get("user", "")
    host = words.get("host") or words.get("hostaddr") or "localhost"
    database = words.get("dbname") or user
    places = _places(host, words.get("port") or "5432")
    return f"postgresql://{f'{user}@' if user else ''}{places}{f'/{database}' if database else ''}"


def without_secrets(text: str, conninfo: str) -> str:
    """Return the text without the passwords of the connection string, of its service and of the environment."""
    words = _told(_words(conninfo))
    plain = {words.get(name) for name in ("user", "host", "port", "dbname")}
    secrets = {words.get(name) for name in SECRETS} | {os.environ.get("PGPASSWORD")}
    for secret in secrets - plain - {None, ""}:
        text = text.replace(str(secret), "***")
    return text


def pinned(conninfo: str, connection: psycopg.Connection[TupleRow]) -> Conninfo:
    """Return the connection string with the one address that an open connection has reached.

    A name may stand for several addresses, and a DSN for several hosts, of which another may answer next time.
    """
    info = connection.info
    return with_words(conninfo, host=info.host, hostaddr=info.hostaddr, port=info.port)


def _told(words: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a connection with those that libpq takes from its service and the environment.

    These may be of any bytes; those that are not UTF-8 are written as Python does.
    """
    with _serving(words.get("service", "")):
        found = pq.Conninfo.get_defaults()
    known = {
        one.keyword.decode(): one.val.decode(errors="backslashreplace")
        for one in found
        if one.val and one.val != one.compiled
    }
    return {**known, **words}


@contextmanager
def _serving(service: str) -> Iterator[None]:
    """Name a service to libpq for the duration of the block: its defaults are those of the environment's."""
    before = os.environ.get("PGSERVICE")
    if service:
        os.environ["PGSERVICE"] = service
    try:
        yield
    finally:
        if service:
            os.environ.pop("PGSERVICE")
        if service and before is not None:
            os.environ["PGSERVICE"] = before


def _words(conninfo: str) -> dict[str, str]:
    return {name: str(value) for name, value in libpq.conninfo_to_dict(conninfo).items()}


def _places(host: str, port: str) -> str:
    hosts, ports = host.split(","), port.split(",")
    paired = ports * len(hosts) if len(ports) == 1 else ports
    named = [f"[{one}]" if ":" in one else quote(one, safe="") for one in hosts]  # the path of a socket is encoded
    return ",".join(f"{one}:{number or '5432'}" for one, number in zip(named, paired, strict=False))


def _malformed(reason: str, flag: str) -> UsageError:
    return UsageError(
        f"The DSN of {flag} cannot be read: {reason} (the DSN is not shown: it may hold a password)",
        remedies=[f"write it as {FORM}", ENCODING_REMEDY, PASSWORD_REMEDY],
    )


def _remedies(reason: str, place: str, *, measured: bool) -> list[str]:
    """Return the remedies for a message of libpq or the server."""
    for words, remedies in (
        (("no password supplied",), ["put the password into PGPASSWORD or ~/.pgpass, which only you may read (0600)"]),
        (("password authentication failed",), ["correct the password", PASSWORD_REMEDY]),
        (_POOLER, ["name the server itself: a connection pooler answers at this address"]),
        (_FULL, [*_FULL_REMEDIES]),
        (("root certificate file",), ["name the server's root certificate: sslrootcert=/path, or sslrootcert=system"]),
        (("certificate",), ["correct sslmode, sslrootcert, sslcert or sslkey", "correct the host of the DSN"]),
        (("does not exist",), ["correct the user or the database of the DSN", "create it"]),
        (("no encryption",), ["use TLS: sslmode=require, or verify-full with sslrootcert=/path", "correct the DSN"]),
        (("pg_hba.conf",), ["allow this host in the server's pg_hba.conf", "correct the DSN"]),
        (
            ("could not access file", "could not load library"),
            [
                "install the library on the server",
                "leave it out of session_preload_libraries, or of local_preload_libraries: ALTER ROLE ... RESET ...",
            ],
        ),
        (_NOT_UP, ["wait until the server is up, and run again"]),
    ):
        if any(word in reason for word in words):
            return remedies
    return [
        f"start the server, or open its port to this machine: {place}",
        "correct host and port of the DSN",
        *([_OWN_REMEDY] if measured else []),
    ]
