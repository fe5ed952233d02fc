"""What may be a secret is not shown, and all else is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench import redaction
from schemabench.errors import CandidateError
from schemabench.records import StatementPlan
from schemabench.redaction import hides, redact, redact_command, redact_record, redact_sql, without_values
from schemabench.statements import Text

SECRET = "hunter2"  # noqa: S105 (the password that must not be seen)


@pytest.mark.parametrize(
    "name", ["primary_conninfo", "ssl_passphrase_command", "app.api_key", "APP.Secret", "auth.token", "my_password"]
)
def test_a_setting_whose_name_tells_of_a_secret_is_not_shown_in_any_argument(name: str) -> None:
    assert hides(name)
    for before in ("", "--postgres-setting="):
        assert redact(f"{before}{name}=password={SECRET} host=x") == f"{before}{name}=***"
        assert redact(f"{before}{name} = '{SECRET}'") == f"{before}{name} =***"


NAMES = st.sampled_from(redaction._NAMES)
NEARLY = st.tuples(NAMES, st.sampled_from(["", "-", "_", " "]), st.integers(0, 30)).map(
    lambda one: one[0].replace("_", one[1])[: one[2]].swapcase()
)
"""Names, some with other separators, some cut short."""


@given(st.lists(NEARLY, max_size=2).map("x".join))
def test_names_in_plain_letters_are_those_that_the_pattern_finds(text: str) -> None:
    assert hides(text) == (redaction._TELLING.search(text) is not None)


@pytest.mark.parametrize("name", ["pa\u017fsword", "to\u212aen", "l\u0131cense"])
def test_names_in_letters_that_are_the_same_to_the_pattern_hide_too(name: str) -> None:
    assert hides(name)


@pytest.mark.parametrize("text", ["work_mem=4MB", "--budget=3s", "--postgres-setting=jit=off", "tests/evaluation"])
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        (f"x=work_mem=5MB my.api_key={SECRET} my.secret={SECRET}", "x=work_mem=5MB my.api_key=***"),
        (f"x=work_mem=5MB 'my.api_key=two {SECRET}'", "x=work_mem=5MB 'my.api_key=***"),
        (f"--my.api-key={SECRET}", "--my.api-key=***"),
        (f"host=h oauth_client_secret={SECRET} user=u", "host=h oauth_client_secret=***"),
        (f"host=h options='-c foo.password={SECRET}'", "host=h options='-c foo.password=***"),
        (f"postgresql://h/d?oauth_client_secret={SECRET}&a=b", "postgresql://h/d?oauth_client_secret=***&a=b"),
        (f"postgresql://h/d?a=b&passwor%64={SECRET}", "postgresql://h/d?a=b&password=***"),
        (f"postgresql://h/d?options=-c%20a.password%3D{SECRET}&a=b", "postgresql://h/d?options=-c a.password=***&a=b"),
        (f"postgresql://h/d?options=-c%20a.passwor%64%3D{SECRET}", "postgresql://h/d?options=-c a.password=***"),
        (f"x=a=postgresql://h/d my.token={SECRET}", "x=a=postgresql://h/d my.token=***"),
        (f"primary_conninfo=postgresql://h/d?x={SECRET}", "primary_conninfo=***"),
    ],
)
def test_a_secret_is_not_shown_wherever_in_an_argument_it_stands(argument: str, shown: str) -> None:
    assert redact(argument) == shown


@pytest.mark.parametrize("shown", ["postgresql:/app:***@prod/db", "/root/x/postgresql:/app:***@prod/db", "x:/:***@h/d"])
def test_a_password_in_a_path_that_was_a_connection_string_is_not_shown(shown: str) -> None:
    text = f"Cannot read {shown.replace('***', SECRET)}: No such file or directory"
    assert redact_sql(text) == redact(text) == f"Cannot read {shown}: No such file or directory"
    dsn = f"postgresql://app:{SECRET}@prod/db"
    assert SECRET not in redact_sql(str(Path(dsn)))
    assert redact_sql(text.replace(shown.replace("***", SECRET), dsn)).endswith(": No such file or directory")


@pytest.mark.parametrize(
    "text", ["C:/shop/run.json", "see https://x.org/a:b and a@b", "at /srv/shop:/x:ro", "10:/x/y:z@"]
)
def test_a_path_without_a_password_is_shown(text: str) -> None:
    assert redact_sql(text) == redact(text) == text


@pytest.mark.parametrize("value", [SECRET, f"echo {SECRET}", f"first {SECRET}\nsecond {SECRET}"])
def test_a_log_is_shown_without_the_values_of_settings_that_may_be_secret(value: str) -> None:
    lines = value.replace("\n", "\n\t")
    log = f'FATAL:  invalid value for parameter "ssl_passphrase_command": "{lines}"\nLOG:  work_mem is 4MB'

    shown = without_values(log, {"ssl_passphrase_command": value, "work_mem": "4MB", "my.token": ""})
    assert SECRET not in shown
    assert shown.count("\n") == log.count("\n")
    assert shown.endswith("work_mem is 4MB")
    assert without_values("on configuration", {"my.token": "on"}) == "*** configuration"


def test_a_secret_is_not_shown_in_the_argument_behind_its_name() -> None:
    assert redact_command(["--api-key", SECRET, "-k", "orders"]) == "--api-key '***' -k orders"


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("CREATE ROLE r PASSWORD '{}';", "CREATE ROLE r PASSWORD '***';"),
        ("ALTER ROLE r ENCRYPTED password\n  '{}' LOGIN; SELECT 'a'", "ALTER ROLE r ENCRYPTED password\n  '***' LOGIN; SELECT 'a'"),  # noqa: E501 (a statement as it is)
        ("ALTER ROLE r PASSWORD /* new */ 'a;''{}';", "ALTER ROLE r PASSWORD /* new */ '***';"),
        (r"ALTER ROLE r PASSWORD E'a\'{}';", "ALTER ROLE r PASSWORD E'***';"),
        ("ALTER ROLE r PASSWORD U&'{}';", "ALTER ROLE r PASSWORD U&'***';"),
        ("ALTER ROLE r PASSWORD $x$a'{}$x$;", "ALTER ROLE r PASSWORD $x$***$x$;"),
        ("ALTER ROLE r PASSWORD 'a\n{}'; SELECT 1", "ALTER ROLE r PASSWORD '***\n'; SELECT 1"),
        ("ALTER ROLE r PASSWORD '{}", "ALTER ROLE r PASSWORD '***"),
        ("DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD ''a;{}'''; END $$;", "DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD ''***'''; END $$;"),  # noqa: E501 (a statement as it is)
        ("DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD $p$' || '{}' || '$p$'; END $$;", None),
        ("DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD ''' || 'a' || '{}' || ''''; END $$;", None),
        ("EXECUTE 'ALTER ROLE r PASSWORD ' || quote_literal('a;{}');", "EXECUTE 'ALTER ROLE r PASSWORD ' || quote_literal('***');"),  # noqa: E501 (a statement as it is)
        ("EXECUTE format('ALTER ROLE %I PASSWORD %L', 'r', '{}');", None),
        ("DECLARE password CONSTANT text := '{}'; BEGIN", "DECLARE password CONSTANT text := '***'; BEGIN"),
        ("SELECT dblink_connect('host=h password={} user=u');", "SELECT dblink_connect('host=h password=*** user=u');"),
        ("SELECT dblink_connect('host=h password = ''a {}'' user=u');", "SELECT dblink_connect('host=h password = ''***'' user=u');"),  # noqa: E501 (a statement as it is)
        ("SELECT dblink_connect('postgresql://u:{}@h/d');", "SELECT dblink_connect('postgresql://u:***@h/d');"),
        ("SELECT dblink_connect('postgresql://h/d?password={}&a=b');", None),
        ("CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password '{}');", None),
        ("SELECT set_config('my.api_key', '{}', false);", "SELECT set_config('my.api_key', '***', false);"),
        ("ALTER ROLE r SET my.secret TO {};", "ALTER ROLE r SET my.secret TO ***;"),
        ("ALTER ROLE r SET my.secret = '{}';", "ALTER ROLE r SET my.secret = '***';"),
        ('SQL statement "ALTER ROLE r PASSWORD \'{}\'"\nPL/pgSQL', 'SQL statement "ALTER ROLE r PASSWORD \'***\'"\nPL/pgSQL'),  # noqa: E501 (a statement as it is)
    ],
)  # fmt: skip
def test_a_password_in_sql_is_not_shown(sql: str, shown: str | None) -> None:
    found = redact_sql(sql.replace("{}", SECRET))
    assert SECRET not in found
    assert found.count("\n") == sql.count("\n")
    assert shown in {None, found}


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE users (name text, password text NOT NULL DEFAULT 'none', token bigint);",
        "INSERT INTO users (name, password) VALUES (:name, :password::text);",
        "UPDATE users SET password = :password::text, token = $1 WHERE password <> 'x';",
        "UPDATE tokens SET name = 'abc'; GRANT SELECT ON tokens TO reader;",
        "ALTER ROLE r PASSWORD NULL; SELECT 'a';",
        "SELECT a = 'b', 'https://www.postgresql.org/docs';",
    ],
)
def test_sql_that_holds_no_secret_is_shown(sql: str) -> None:
    assert redact_sql(sql) == sql


def test_an_error_shows_no_password_and_its_caret_stays_where_it_points() -> None:
    source = f"ALTER ROLE r PASSWORD\n'{SECRET}' LOGIN;"
    error = CandidateError(
        "Refused",
        where=Text(path=Path("x.sql"), source=source, start=0, end=len(source)).place(source.index("LOGIN")),
        checked=[f"SQL statement \"ALTER ROLE r PASSWORD '{SECRET}'\""],
    )
    assert SECRET not in f"{error}{error!r}"
    assert f"at x.sql:2:{len(SECRET) + 4}\n  '***' LOGIN;\n        ^" in str(error)


def test_a_record_shows_no_password_however_deep_it_stands() -> None:
    text = f"ALTER ROLE r PASSWORD '{SECRET}'"
    plan = StatementPlan(
        operation="a", position=0, nodes="", summary=text, same=None, plan=[{"Query": text, "Cost": 1.5}]
    )
    shown = redact_record(plan)
    assert SECRET not in repr(shown)
    assert shown.plan[0]["Cost"] == 1.5
