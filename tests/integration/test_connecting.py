"""Servers that people have are reached by all that libpq offers for it, and what a role may not do ends no run."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import managed
import psycopg
import pytest
from managed import PASSWORD, Service

from schemabench.errors import ServerError
from schemabench.monitor.counters import Counters
from schemabench.server import Needs, serve
from schemabench.server.dsn import connect, parse_dsn, steered

CLIENTS = 2


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Start a managed service for all tests."""
    with managed.service() as found:
        yield found


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """See that the user's own files and variables have no part in a test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSERVICE", "PGPASSFILE"):
        monkeypatch.delenv(name, raising=False)


def origin(dsn: str) -> str:
    """Make and drop a database on a server, and return what a report calls the server."""
    with serve(dsn, Needs(clients=CLIENTS), settings={}, run_id="ways") as server:
        server.drop(server.clone(server.create("template"), "copy"))
        return server.record.origin


def test_a_password_comes_from_libpqs_file(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGPASSFILE", str(service.passwords(tmp_path / "passwords", "127.0.0.1")))

    assert f"tenant@127.0.0.1:{service.port}/postgres" in origin(service.dsn())


def test_a_service_says_where_the_server_is(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGSERVICEFILE", str(service.named(tmp_path / "services", PASSWORD)))

    assert f"tenant@127.0.0.1:{service.port}/postgres" in origin("service=shop")


def test_variables_say_where_the_server_is(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"HOST": "127.0.0.1", "PORT": str(service.port), "USER": managed.ROLE, "DATABASE": "postgres"}
    secure = {"SSLMODE": "verify-full", "SSLROOTCERT": str(service.certificate), "PASSWORD": PASSWORD}
    for name, value in {**words, **secure}.items():
        monkeypatch.setenv(f"PG{name}", value)

    assert f"tenant@127.0.0.1:{service.port}/postgres" in origin("postgresql://")


@pytest.mark.parametrize(
    "form",
    [
        "postgresql://tenant@{encoded}:{port}/postgres",
        "postgresql:///postgres?host={path}&port={port}&user=tenant",
        "host={path} port={port} user=tenant dbname=postgres",
    ],
)
def test_a_socket_is_named_by_its_folder(service: Service, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    path = str(service.sockets)
    encoded = path.replace("/", "%2F")

    told = origin(form.format(path=path, encoded=encoded, port=service.port))

    assert told.startswith(f"postgresql://tenant@{encoded}:{service.port}/postgres")
    assert f"tenant@{encoded}" in origin(told.split()[0]), "what is told can be given"


def test_of_several_hosts_all_sessions_are_on_the_one_that_answered(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    several = f"host=127.0.0.1,127.0.0.1 port=1,{service.port} user=tenant dbname=postgres target_session_attrs=primary"
    with serve(several, Needs(clients=CLIENTS), settings={}, run_id="several") as server:
        words = psycopg.conninfo.conninfo_to_dict(server.conninfo_for("one"))

    assert (words["host"], words["port"], words["dbname"]) == ("127.0.0.1", str(service.port), "one")


def test_a_service_that_is_not_reached_is_named_by_its_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "services"
    path.write_text(f"[shop]\nhost=127.0.0.1\nport=1\nuser=tenant\npassword={PASSWORD}\nconnect_timeout=3\n")
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    with pytest.raises(ServerError, match=re.escape("postgresql://tenant@127.0.0.1:1/tenant")) as caught:
        connect(parse_dsn("service=shop"))

    assert PASSWORD not in str(caught.value)
    assert "connect_timeout" not in parse_dsn("service=shop"), "the service's own holds"


def test_a_service_without_a_definition_is_told_with_where_to_define_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICEFILE", "/dev/null")
    with pytest.raises(ServerError, match="The service 'shop' is not defined") as caught:
        connect(parse_dsn("service=shop"))

    assert any("PGSERVICEFILE" in remedy for remedy in caught.value.remedies)


def test_a_connection_without_tls_is_refused_in_the_servers_words(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with pytest.raises(ServerError, match="no encryption") as caught:
        connect(parse_dsn(service.dsn().replace("verify-full", "disable")))

    assert "use TLS: sslmode=require, or verify-full with sslrootcert=/path" in caught.value.remedies


@pytest.mark.parametrize("certificate", ["/nowhere", "/dev/null"])
def test_a_root_certificate_that_is_none_has_a_remedy_of_its_own(
    service: Service, monkeypatch: pytest.MonkeyPatch, certificate: str
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with pytest.raises(ServerError, match="root certificate file") as caught:
        connect(parse_dsn(service.dsn().replace(str(service.certificate), certificate)))

    assert list(caught.value.remedies) == [
        "name the server's root certificate: sslrootcert=/path, or sslrootcert=system"
    ]


def test_a_name_that_the_certificate_has_not_is_told_apart_from_a_missing_database(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    other = service.dsn().replace("@127.0.0.1:", "@db.example.com:") + "&hostaddr=127.0.0.1"
    with pytest.raises(ServerError, match="does not match host name") as caught:
        connect(parse_dsn(other))

    assert "correct the host of the DSN" in caught.value.remedies


def test_a_missing_password_is_asked_for(service: Service) -> None:
    with pytest.raises(ServerError, match="no password supplied") as caught:
        connect(parse_dsn(service.dsn()))

    assert list(caught.value.remedies) == [
        "put the password into PGPASSWORD or ~/.pgpass, which only you may read (0600)"
    ]


def test_variables_of_the_process_that_started_a_run_do_not_replace_a_machines_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGUSER", "own")
    variables = {"PGUSER": "theirs", "PGHOST": "127.0.0.1", "PGPORT": "1"}
    with steered(variables), pytest.raises(ServerError, match=re.escape("postgresql://own@127.0.0.1:1/own")):
        connect(parse_dsn("postgresql://"))
    with pytest.raises(ServerError, match="postgresql://own@localhost:1/own"):
        connect(parse_dsn("postgresql://localhost:1"))


def test_what_sessions_may_not_report_at_once_is_missing_with_the_reason(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with serve(service.dsn(), Needs(clients=CLIENTS), settings={}, run_id="counts") as server:
        conninfo = server.conninfo_for(server.create("counts").name)
        with closing(Counters.open([conninfo], pids=[], local=False)) as counters:
            reading, missing = counters.read(), counters.missing

    late = {"wal_bytes", "blocks_hit", "rows_updated", "seq_scans", "temp_bytes", "rows_dead_at_the_end"}
    assert not late & reading.keys()
    assert all("GRANT EXECUTE ON FUNCTION pg_stat_force_next_flush()" in missing[name] for name in late)
    assert "multixacts" in reading, "the server counts it itself"
