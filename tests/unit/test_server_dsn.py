"""Connection strings, and that their passwords stay out of sight."""

import os
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from schemabench.errors import ServerError, UsageError
from schemabench.server import dsn
from schemabench.server.dsn import (
    Conninfo,
    RefusedError,
    connect,
    describe,
    parse_dsn,
    unsteered,
    with_words,
    without_secrets,
)

SECRET = "hunter2"  # noqa: S105 - the password that must not be seen


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("dsn", "place"),
    [
        (f"postgresql://u:{SECRET}@h:6000/d", "postgresql://u@h:6000/d"),
        (f"postgresql://u@h/d?password={SECRET}", "postgresql://u@h:5432/d"),
        (f"host=h user=u password={SECRET}", "postgresql://u@h:5432/u"),
        (f"postgresql://u@h/d?sslpassword={SECRET}", "postgresql://u@h:5432/d"),
        (f"postgresql://u:{SECRET}@[::1]:6000/d", "postgresql://u@[::1]:6000/d"),
        (f"postgresql://u:{SECRET}@h1,h2:6000/d", "postgresql://u@h1:5432,h2:6000/d"),
    ],
)
def test_a_connection_string_is_described_and_printed_without_password(dsn: str, place: str) -> None:
    conninfo = parse_dsn(dsn)

    assert describe(conninfo) == place
    assert repr(conninfo) == f"<conninfo {place}>"
    assert SECRET in conninfo
    assert SECRET not in repr([conninfo])


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://u:{SECRET}%zz@h/d",  # no percent encoding
        f"postgresql://u:p@{SECRET}@h/d",  # an unescaped @
        f"postgresql://u:{SECRET}/p@h/d",  # an unescaped slash
        f"postgresql://u:{SECRET}:p/x@h/d",
        f"postgresql://u:p@h:{SECRET}/d",
        f"postgresql://u@h/d?nonsense={SECRET}",
        f'postgresql://u:a"{SECRET}%zz@h/d',
        f"host=h password='{SECRET}",
        f"host=h {SECRET}",
    ],
)
def test_a_malformed_dsn_is_refused_without_showing_it(dsn: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_dsn(dsn)

    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None or SECRET not in repr(caught.value.__cause__)
    assert any("percent-encode" in remedy for remedy in caught.value.remedies)


def test_an_unreachable_host_is_named_with_its_port() -> None:
    with pytest.raises(ServerError, match=r"u@127\.0\.0\.1:1/d") as caught:
        connect(parse_dsn(f"postgresql://u:{SECRET}@127.0.0.1:1/d"))

    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert any("127.0.0.1:1" in remedy for remedy in caught.value.remedies)


def test_another_server_is_offered_only_where_candidates_are_measured() -> None:
    offered = []
    for measured in (True, False):
        with pytest.raises(ServerError) as caught:
            connect(parse_dsn("postgresql://u@127.0.0.1:1/d"), measured=measured)
        offered.append(any("--postgres embedded" in remedy for remedy in caught.value.remedies))

    assert offered == [True, False]


@pytest.mark.parametrize("dsn", ["service=nope", "postgresql:///?service=nope"])
def test_a_service_that_is_not_defined_is_named_with_the_file_that_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    monkeypatch.delenv("PGSERVICEFILE", raising=False)
    monkeypatch.delenv("PGSYSCONFDIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ServerError) as caught:
        connect(parse_dsn(dsn))
    assert caught.value.what == "The service 'nope' is not defined"
    assert caught.value.checked == (f"{tmp_path}/.pg_service.conf: No such file or directory",)

    file = tmp_path / "services"
    file.write_text(f"[shop]\npassword={SECRET}\n[hope]\nhost=h\n", encoding="utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    with pytest.raises(ServerError) as caught:
        connect(parse_dsn(dsn))
    assert caught.value.what == "The service 'nope' is not defined; did you mean 'hope'?"
    assert caught.value.checked == (f"{file}: defines shop, hope",)
    assert "localhost" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_service_whose_file_is_damaged_is_named_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "services"
    file.write_text("[nope]\nno such word=1\n", encoding="utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    monkeypatch.setenv("PGSERVICE", "nope")

    with pytest.raises(ServerError) as caught:
        connect(parse_dsn("postgresql://"))
    said = f'syntax error in service file "{file}", line 2'
    assert caught.value.what == f"The service 'nope' cannot be looked up: {said}"


def test_a_replaced_word_keeps_the_rest_and_stays_hidden() -> None:
    other = with_words(parse_dsn(f"postgresql://u:{SECRET}@h/d"), dbname="it's")

    assert conninfo_to_dict(other)["dbname"] == "it's"
    assert conninfo_to_dict(other)["password"] == SECRET
    assert SECRET not in repr(other)


def test_a_host_that_does_not_answer_is_given_up_after_a_while() -> None:
    assert conninfo_to_dict(parse_dsn("postgresql://h/d"))["connect_timeout"] == "10"
    assert conninfo_to_dict(parse_dsn("postgresql://h/d?connect_timeout=3"))["connect_timeout"] == "3"


def test_passwords_of_the_environment_are_taken_out_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", SECRET)

    assert without_secrets(f"no {SECRET} here", Conninfo("host=h user=u")) == "no *** here"


def test_a_password_that_is_also_the_user_does_not_garble_messages() -> None:
    conninfo = parse_dsn("postgresql://postgres:postgres@h/d")

    assert without_secrets('no role "postgres"', conninfo) == 'no role "postgres"'


@pytest.mark.parametrize("name", ["PGUSER", "PGDATABASE", "PGPASSWORD", "PGAPPNAME", "PGOPTIONS", "PGSSLROOTCERT"])
def test_bytes_of_the_environment_that_are_no_utf_8_are_no_traceback(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, os.fsdecode(b"\xfcbung"))
    conninfo = parse_dsn("postgresql://127.0.0.1:1")

    assert repr(conninfo).startswith("<conninfo postgresql://")
    assert without_secrets("text", conninfo) == "text"
    with pytest.raises(ServerError, match="Connection refused"):
        connect(conninfo)


def test_a_host_that_is_no_utf_8_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", os.fsdecode(b"\xfcbung"))

    with pytest.raises(ServerError, match="the host is not UTF-8"):
        connect(parse_dsn("postgresql://"))


@pytest.mark.parametrize("word", ["user", "password", "dbname", "application_name"])
def test_a_service_that_is_no_utf_8_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    file = tmp_path / "services"
    file.write_bytes(b"[shop]\nhost=127.0.0.1\nport=1\n" + word.encode() + b"=\xfcbung\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))

    with pytest.raises(ServerError, match="Connection refused"):
        connect(parse_dsn("service=shop"))


@pytest.mark.parametrize(
    ("said", "final"),
    [
        ("connection to server at h failed: Connection refused", False),
        ("No such file or directory. Is the server running locally and accepting connections on that socket?", False),
        ("FATAL:  the database system is starting up", False),
        ("FATAL:  sorry, too many clients already", False),
        ("FATAL:  tut mir leid, schon zu viele Verbindungen", False),
        ("FATAL:  Das Datenbanksystem startet", False),
        ("connection timeout expired", False),
        ("server closed the connection unexpectedly", False),
        ("could not translate host name to address", False),
        ("failed to resolve host 'pgbouncer.internal': [Errno -3] Temporary failure in name resolution", False),
        ('connection to server at "certificates" (10.0.0.1), port 5432 failed: No route to host', False),
        ("host a: FATAL:  no pg_hba.conf entry for host; host b: Connection refused", False),
        ('FATAL:  password authentication failed for user "u"', True),
        ("fe_sendauth: no password supplied", True),
        ("FATAL:  no pg_hba.conf entry for host", True),
        ("FATAL:  kein pg_hba.conf-Eintrag f\u00fcr Host \u00bbh\u00ab", True),
        ('root certificate file "/x/root.crt" does not exist', True),
        ("FATAL:  no such database: d", True),
    ],
)
def test_only_a_refusal_that_is_known_to_last_is_final(said: str, final: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    def refuse(*_: str, **__: bool) -> None:
        raise psycopg.OperationalError(said)

    monkeypatch.setattr(dsn, "opened", refuse)
    with pytest.raises(ServerError, match="No connection to postgresql://u@h:5432/d: ") as caught:
        connect("host=h user=u dbname=d")

    assert isinstance(caught.value, RefusedError) == final


def test_what_steers_libpq_is_out_of_the_environment_for_as_long_as_a_block_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    monkeypatch.setenv("PGSERVICE", "nowhere")
    with unsteered():
        assert not [name for name in os.environ if name.startswith("PG")]
    assert (os.environ["PGTZ"], os.environ["PGSERVICE"]) == ("Asia/Tokyo", "nowhere")


def test_the_console_of_a_pooler_is_taken_for_a_pooler(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: str, **__: bool) -> None:
        raise psycopg.errors.ProtocolViolation("invalid command 'SELECT 1', use SHOW HELP;")

    monkeypatch.setattr("schemabench.server.dsn.opened", refuse)
    with pytest.raises(ServerError, match="invalid command") as caught:
        connect(parse_dsn("postgresql://admin@127.0.0.1:6432/pgbouncer"))

    assert list(caught.value.remedies) == ["name the server itself: a connection pooler answers at this address"]
