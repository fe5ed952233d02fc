"""One table of settings: where values come from, what is accepted, and what must not be shown."""

from argparse import Namespace
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from option_table import markdown_table

from schemabench.errors import UsageError
from schemabench.options import (
    Options,
    environment_name,
    flag,
    ini_name,
    resolve,
    table,
)
from schemabench.parsing import Span
from schemabench.redaction import redact

SECRET = "s3cret"  # noqa: S105 (the password that must not be seen)


def _resolved(
    line: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    ini: Mapping[str, str] | None = None,
) -> tuple[Options, dict[str, tuple[str, str]]]:
    """Resolve options that are given by their short names, as in `budget`."""
    given_ini = {f"schemabench_{name}": text for name, text in (ini or {}).items()}
    chosen, origins = resolve(
        Namespace(**{f"schemabench_{name}": value for name, value in (line or {}).items()}),
        {f"SCHEMABENCH_{name.upper()}": text for name, text in (environment or {}).items()},
        lambda name: given_ini.get(name, ""),
    )
    return chosen, {one.name: (one.value, one.source) for one in origins}


def test_every_option_has_its_default_and_says_so() -> None:
    chosen, origins = _resolved()

    assert chosen == Options()
    assert {source for _, source in origins.values()} == {"default"}
    assert set(origins) == {flag(option) for option in table()}
    assert origins["--budget"] == ("60s", "default")


@pytest.mark.parametrize(
    ("line", "environment", "ini", "budget_s", "source"),
    [
        ({"budget": "1s"}, {"budget": "2s"}, {"budget": "3s"}, 1.0, "command line"),
        ({"budget": None}, {"budget": "2s"}, {"budget": "3s"}, 2.0, "environment"),
        ({}, {}, {"budget": "3s"}, 3.0, "ini file"),
        ({}, {}, {"budget": ""}, 60.0, "default"),
    ],
)
def test_command_line_beats_environment_beats_ini_beats_default(
    line: dict[str, object], environment: dict[str, str], ini: dict[str, str], budget_s: float, source: str
) -> None:
    chosen, origins = _resolved(line, environment, ini)

    assert chosen.budget_s == budget_s
    assert origins["--budget"][1] == source


def test_falsy_values_count() -> None:
    chosen, origins = _resolved({"seed": "0"}, {"seed": "5", "keep_databases": "0"}, {"keep_databases": "true"})

    assert chosen.seed == 0
    assert chosen.keep_databases is False
    assert origins["--keep-databases"] == ("0", "environment")


def test_an_empty_list_in_the_environment_beats_the_ini_file() -> None:
    chosen, origins = _resolved({}, {"workload": ""}, {"workload": "usage"})

    assert chosen.workload == ()
    assert origins["--workload"] == ("", "environment")


@pytest.mark.parametrize("source", ["environment", "ini"])
def test_of_several_values_in_one_text_those_with_blanks_stand_in_quotes(source: str) -> None:
    text = "'log_line_prefix=%m %p ' work_mem=64MB"

    chosen, origins = _resolved(**{source: {"postgres_setting": text}})

    assert chosen.postgres_setting == (("log_line_prefix", "%m %p"), ("work_mem", "64MB"))
    assert origins["--postgres-setting"][0] == text


def test_values_of_the_command_line_are_shown_as_the_environment_would_have_them() -> None:
    _, origins = _resolved({"report": ["a b.md", "c.json"]})

    assert origins["--report"] == ("'a b.md' c.json", "command line")


def test_a_switch_is_on_when_its_flag_is_given() -> None:
    assert _resolved({"keep_databases": "true"})[0].keep_databases is True


@pytest.mark.parametrize(
    ("text", "on"), [("1", True), ("true", True), ("YES", True), ("no", False), ("False", False), ("", False)]
)
def test_a_switch_is_read_from_the_environment(text: str, on: bool) -> None:  # noqa: FBT001 (the expected value)
    assert _resolved({}, {"neutral_ids": text})[0].neutral_ids is on


def test_repeatable_options_are_lists_on_the_command_line_and_words_elsewhere() -> None:
    assert _resolved({"candidate": ["a", "b c"]})[0].candidate == ("a", "b c")
    assert _resolved({}, {"candidate": "a  b"})[0].candidate == ("a", "b")
    assert _resolved({}, {}, {"candidate": "a\nb"})[0].candidate == ("a", "b")


def test_pairs_and_paths_are_read() -> None:
    chosen, _ = _resolved(
        {
            "postgres_setting": ["work_mem=64MB", " a.b = c = d "],
            "replay": ["usage=x=y.csv", "pageviews.blacklist=b.txt"],
            "report": ["r.md", "r.json"],
        }
    )

    assert chosen.postgres_setting == (("work_mem", "64MB"), ("a.b", "c = d"))
    assert chosen.replay == (("usage", Path("x=y.csv")), ("pageviews.blacklist", Path("b.txt")))
    assert chosen.report == (Path("r.md"), Path("r.json"))


def _time(day: int, hour: int = 0) -> datetime:
    return datetime(2016, 9, day, hour)  # noqa: DTZ001 (names of files tell no zone)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-09-01", Span(_time(1), _time(2))),
        ("2016-09-01T05", Span(_time(1, 5), _time(1, 6))),
        ("2016-09-01T22..2016-09-02", Span(_time(1, 22), _time(3))),
        ("last-48", 48),
    ],
)
def test_a_range_of_a_replay_includes_both_ends(text: str, expected: object) -> None:
    chosen, _ = _resolved({"replay_range": [f"pageviews={text}"]})

    assert chosen.replay_range == (("pageviews", expected),)


@pytest.mark.parametrize(("text", "share"), [("3%", 0.03), ("0.03", 0.03), (" 99.9 % ", 0.999)])
def test_a_share_is_read_in_percent_or_not(text: str, share: float) -> None:
    assert _resolved({"precision": text})[0].precision == pytest.approx(share)


@pytest.mark.parametrize(("text", "hz"), [("0", 0.0), ("0.5", 0.5), (" 50 ", 50.0), ("1000", 1000.0)])
def test_a_rate_of_looks_may_be_none_or_a_fraction(text: str, hz: float) -> None:
    assert _resolved({"sample_hz": text})[0].sample_hz == hz


@pytest.mark.parametrize(("text", "adequacy_s"), [("off", 0.0), ("30s", 30.0), ("2min", 120.0)])
def test_adequacy_is_a_duration_or_off(text: str, adequacy_s: float) -> None:
    assert _resolved({"adequacy": text})[0].adequacy_s == adequacy_s


def test_adequacy_is_off_unless_asked_for() -> None:
    assert _resolved()[0].adequacy_s == 0


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("replay_range", "a=2016-09-02..2016-09-01", "'2016-09-02..2016-09-01' ends before it begins"),
        ("replay_range", "a=2016-09-31", "'2016-09-31' is neither a date nor an hour"),
        ("replay_range", "a=9999-12-31", "'9999-12-31' is neither a date nor an hour"),
        ("replay_range", "a=last-0", "'0' is not a whole number from 1 to 1,000,000"),
        ("replay_range", "last-3", "'last-3' is not NAME=VALUE"),
        ("clients", "0", "'0' is not a whole number from 1 to 10,000"),
        ("clients", "10001", "from 1 to 10,000"),
        ("clients", "eight", "'eight' is not a whole number"),
        ("clients", "8.0", "'8.0' is not a whole number"),
        ("seed", "-1", "'-1' is not a whole number from 0 to 9,223,372,036,854,775,807"),
        ("budget", "0s", "'0s' is not a duration: it must be positive"),
        ("adequacy", "0s", "'0s' is not a duration: it must be positive"),
        ("budget", "soon", "'soon' is not a duration"),
        ("precision", "0", "'0' is not a share"),
        ("precision", "100%", "'100%' is not a share"),
        ("precision", "nan", "'nan' is not a share"),
        ("precision", "few", "'few' is not a share"),
        ("sample_hz", "-1", "'-1' is not a number from 0 to 1000"),
        ("sample_hz", "1000.5", "'1000.5' is not a number from 0 to 1000"),
        ("sample_hz", "nan", "'nan' is not a number"),
        ("sample_hz", "often", "'often' is not a number"),
        ("neutral_ids", "maybe", "'maybe' is neither true nor false"),
        ("equivalence", "some", "'some' is not one of off, quick, thorough"),
        ("workload", "'usage", "'usage ends within quotation marks"),
    ],
)
def test_a_value_that_is_not_acceptable_is_named_with_where_it_came_from(name: str, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        _resolved({}, {name: text})

    assert words in caught.value.what
    assert caught.value.what.startswith(f"--{name.replace('_', '-')}: ")
    assert caught.value.checked == ("set by: environment",)
    assert caught.value.remedies


def test_a_command_says_what_an_option_is_to_it() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Namespace(), {"SCHEMABENCH_BUDGET": "soon"}, lambda _: "", {"budget_s": "time for everything"})

    assert caught.value.remedies == ("--budget TIME: time for everything",)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("postgres_setting", "work_mem", "'work_mem' is not NAME=VALUE"),
        ("postgres_setting", "=64MB", "'=64MB' is not NAME=VALUE"),
        ("replay", "file.csv", "'file.csv' is not NAME=VALUE"),
        ("report", "r.pdf", "'r.pdf' ends in .pdf, not in .html, .md, .csv or .json"),
        ("report", "report", "'report' ends in nothing, not in"),
    ],
)
def test_one_wrong_item_of_a_list_is_named(name: str, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        _resolved({name: [text]})

    assert words in caught.value.what


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://user:{SECRET}@host:5432/db?sslmode=require",
        f"postgres://user:{SECRET}@h1:5432,h2:5433/db",
        f"postgresql://:{SECRET}@host/db",
        f"postgresql://user:{SECRET}/with%40all:kinds?of#it@host",
        f"postgresql://user:at@{SECRET}@host",
        f"postgresql://user:{SECRET}@[::1]:5432/db",
        f"postgresql://host/db?user=me&password={SECRET}&sslmode=require",
        f"postgresql://host/db?password={SECRET}",
        f"postgresql://host/db?sslpassword={SECRET}&password={SECRET}",
        f"host=x password={SECRET} user=me",
        f"host=x password = {SECRET} user=me",
        f"host=x PASSWORD='{SECRET}' user=me",
        f"host=x password='with blank {SECRET}' user=me",
        f"host=x password='it\\'s {SECRET}' user=me",
        f"host=x password=a&{SECRET} user=me",
        f"host=x password=a\\ {SECRET} user=me",
        f"host=x password='never closed {SECRET}",
        f"password={SECRET}",
    ],
)
def test_no_form_of_a_connection_string_shows_its_password(dsn: str) -> None:
    assert SECRET not in redact(dsn)
    assert "***" in redact(dsn)
    assert SECRET not in redact(f"pytest --postgres={dsn} -x")


def test_what_is_not_secret_is_still_shown() -> None:
    assert redact(f"postgresql://me:{SECRET}@host:5432/db?a=b") == "postgresql://me:***@host:5432/db?a=b"
    assert redact(f"postgresql://h/d?password={SECRET}&a=b") == "postgresql://h/d?password=***&a=b"
    assert redact(f"host=x password='{SECRET}' user=me") == "host=x password=***"
    assert redact("pytest --budget 3s postgresql://me@host/db") == "pytest --budget 3s postgresql://me@host/db"


@given(st.text(alphabet=st.characters(exclude_characters="@", exclude_categories=["Z", "C"]), min_size=4))
def test_no_password_in_a_url_survives(password: str) -> None:
    assert redact(f"postgresql://u:{password}@host") == "postgresql://u:***@host"


def test_settings_that_may_be_secret_are_not_shown_beside_those_that_are() -> None:
    _, origins = _resolved({"postgres_setting": ["work_mem=4MB", f"primary_conninfo=password={SECRET} host=x"]})
    assert origins["--postgres-setting"] == ("work_mem=4MB 'primary_conninfo=***'", "command line")


def test_origins_and_errors_show_no_password() -> None:
    _, origins = _resolved({"postgres": f"postgresql://me:{SECRET}@host/db"})
    assert origins["--postgres"] == ("postgresql://me:***@host/db", "command line")

    with pytest.raises(UsageError) as caught:
        _resolved({"replay": [f"postgresql://me:{SECRET}@host/db"]})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["noise", "production", "report", "replay", "schemas", "workloads"])
def test_a_connection_string_in_the_place_of_a_path_is_refused_without_its_password(name: str) -> None:
    dsn = f"postgresql://app:{SECRET}@prod/db.json"
    with pytest.raises(UsageError, match="it is a connection string, not a path") as caught:
        _resolved(environment={name: f"usage={dsn}" if name == "replay" else dsn}, ini={name: dsn})

    assert SECRET not in str(caught.value)


def test_each_option_has_a_flag_an_ini_name_and_a_variable() -> None:
    names = {flag(option): (ini_name(option), environment_name(option)) for option in table()}

    assert names["--budget"] == ("schemabench_budget", "SCHEMABENCH_BUDGET")
    assert names["--keep-databases"] == ("schemabench_keep_databases", "SCHEMABENCH_KEEP_DATABASES")
    assert len({ini for ini, _ in names.values()}) == len(names)


def test_the_table_for_readers_has_a_row_for_each_option() -> None:
    head, rule, *rows = markdown_table().splitlines()

    assert len(rows) == len(table())
    assert {row.count(" | ") for row in rows} == {4}
    assert (head.count("|"), rule.count("|")) == (6, 6)
    assert "| `--budget TIME` | `schemabench_budget` | `SCHEMABENCH_BUDGET` | `60s` |" in markdown_table()
