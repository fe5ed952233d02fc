"""A server as a managed service has it: forced TLS, few connections, a role that may make databases alone."""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import places
import programs
import psycopg
import pytest
import servers
from psycopg import sql

from schemabench.server import account, binaries, folder, local
from schemabench.server.dsn import opened, with_words

PASSWORD = "sentinel-of-the-service"  # noqa: S105 (the password that must not be seen)
ROLE = "tenant"
LIVE = "live"
"""The tenant's own database, which counts statements."""
MOST_CONNECTIONS = 25
REFUSED = ("pg_stat_force_next_flush()", "pg_stat_reset()")
"""Functions that the role may not execute."""
_RULES = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A managed service."""

    port: int
    certificate: Path
    """Of its authority."""
    sockets: Path
    """The folder of its socket."""

    @property
    def secure(self) -> str:
        """What a DSN says of TLS, as the query of a URL."""
        return f"sslmode=verify-full&sslrootcert={self.certificate}"

    def dsn(self, database: str = "postgres") -> str:
        """Return the URL that a tenant would give, without a password."""
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/{database}?{self.secure}"

    def passwords(self, path: Path, host: str = "*") -> Path:
        """Write a password file for libpq."""
        path.write_text(f"{host}:*:*:{ROLE}:{PASSWORD}\n", encoding="utf-8")
        path.chmod(0o600)
        return path

    def named(self, path: Path, password: str = "") -> Path:
        """Write a service file for libpq, which defines the service `shop`."""
        words = {"host": "127.0.0.1", "port": self.port, "user": ROLE, "dbname": "postgres", "sslmode": "require"}
        if password:
            words["password"] = password
        path.write_text("\n".join(["[shop]", *(f"{name}={value}" for name, value in words.items()), ""]))
        return path


@contextmanager
def service() -> Iterator[Service]:
    """Start a managed service, and stop it at the end of the block."""
    secure = [one for one in binaries.survey().found if b"SSL_CTX_new" in (one.folder / "postgres").read_bytes()]
    if not secure or shutil.which("openssl") is None:
        pytest.skip("openssl, or a PostgreSQL that has TLS, is missing")
    with places.place() as path, pytest.MonkeyPatch.context() as patch:
        patch.setenv(folder.VARIABLE, str(path))
        sockets = path / "sockets"
        sockets.mkdir()
        sockets.chmod(0o777)  # the server's user is another
        settings = {
            "max_connections": str(MOST_CONNECTIONS),
            "shared_preload_libraries": "pg_stat_statements",
            "unix_socket_directories": str(sockets),
        }
        with local.start(secure[0], {**servers.SMALL, **settings}, [], "managed") as server:
            certificate = path / "root.crt"
            _certify(server.data, certificate)
            for database in ("template0", "postgres"):
                _restrict(server.conninfo, database)
            with closing(opened(server.conninfo)) as owner:
                owner.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(sql.Identifier(ROLE), PASSWORD)
                )
                for setting in ("ssl_cert_file = 'tls.crt'", "ssl_key_file = 'tls.key'", "ssl = on"):
                    owner.execute(f"ALTER SYSTEM SET {setting}".encode())
                owner.execute(f"CREATE DATABASE {LIVE} OWNER {ROLE}".encode())
                with closing(opened(with_words(server.conninfo, dbname=LIVE))) as inside:
                    inside.execute("CREATE EXTENSION pg_stat_statements")
                (server.data / "pg_hba.conf").write_text(_RULES, encoding="utf-8")
                owner.execute("SELECT pg_reload_conf()")
                found = Service(port=owner.info.port, certificate=certificate, sockets=sockets)
            _await_tls(found)
            yield found


def _certify(data: Path, certificate: Path) -> None:
    """Give the server a key and a certificate, which is its own authority."""
    key = data / "tls.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    programs.run(command, check=True, capture_output=True)
    shutil.copy(certificate, data / "tls.crt")
    certificate.chmod(0o644)
    for path in (key, data / "tls.crt"):
        path.chmod(0o600)
        account.give(path, account.server_account())


def _restrict(conninfo: str, database: str) -> None:
    """Take functions away from everybody in a database; in `template0`, in all that are made of it."""
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with closing(opened(conninfo)) as owner:
        owner.execute(allow.format(sql.Identifier(database), sql.SQL("true")))
        with closing(opened(with_words(conninfo, dbname=database))) as inside:
            for function in REFUSED:
                inside.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC".encode())
        if database == "template0":
            owner.execute(allow.format(sql.Identifier(database), sql.SQL("false")))


def _await_tls(found: Service) -> None:
    """Wait until the server has read its configuration anew."""
    for _ in range(200):
        try:
            psycopg.connect(found.dsn(), password=PASSWORD).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server has no TLS")
