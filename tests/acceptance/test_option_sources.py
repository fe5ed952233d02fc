"""Options from the command line, the environment and the ini file, and what is said about their values."""

import json

import pytest
from shared_server import PASSWORD, Shared
from shop import Shop, assert_clear, said


@pytest.fixture(scope="module")
def ranked(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], shared: Shared
) -> tuple[Shop, pytest.RunResult]:
    """Return a run whose options come from everywhere, with a password among them."""
    shop = Shop.open(tmp_path_factory.mktemp("options") / "shop", environment)
    ini = {"seed": 3, "clients": 4, "budget": "1h", "keep_databases": "true"}
    shop.write("pytest.ini", "[pytest]\n" + "".join(f"schemabench_{name} = {value}\n" for name, value in ini.items()))
    reports = ["--report", "run.md", "--report", "run.json", "--benchmark-json", "all.json"]
    given = {"SCHEMABENCH_SEED": "2", "SCHEMABENCH_CLIENTS": "3", "SCHEMABENCH_KEEP_DATABASES": "false"}
    return shop, shop.run("--seed", "0", "--postgres", shared.dsn(), *reports, **given)


def _origin(shop: Shop, name: str) -> tuple[str, str]:
    options = json.loads(shop.read("run.json"))["schemabench"]["options"]
    (found,) = [(option["value"], option["source"]) for option in options if option["name"] == name]
    return found


def test_the_strongest_source_wins_and_the_report_says_which(ranked: tuple[Shop, pytest.RunResult]) -> None:
    shop, result = ranked

    assert result.ret == 0
    assert _origin(shop, "--clients") == ("3", "environment")
    assert _origin(shop, "--budget") == ("200ms", "environment")
    assert _origin(shop, "--precision") == ("1%", "default")
    assert [line for line in shop.read("run.md").splitlines() if "--clients" in line and "environment" in line]


def test_a_falsy_value_of_a_stronger_source_wins(ranked: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = ranked

    assert _origin(shop, "--seed") == ("0", "command line")
    assert _origin(shop, "--keep-databases") == ("false", "environment")


def test_no_output_shows_the_password_of_a_dsn(ranked: tuple[Shop, pytest.RunResult]) -> None:
    shop, result = ranked

    assert PASSWORD not in said(result)
    assert all(PASSWORD not in shop.read(name) for name in ("run.md", "run.json", "all.json"))
    assert "maker:***@" in shop.read("run.json")


def test_the_ini_file_may_move_the_folders(shop: Shop) -> None:
    shop.write("pytest.ini", "[pytest]\nschemabench_schemas = ddl\n")
    (shop.path / "schemas").rename(shop.path / "ddl")

    result = shop.run("--collect-only", "-q")

    assert result.ret == 0
    assert "2 tests collected" in said(result)


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--budget", "soon"], {}, ["--budget: 'soon' is not a duration", "set by: command line"]),
        (
            [],
            {"SCHEMABENCH_CLIENTS": "none"},
            ["--clients: 'none' is not a whole number", "set by: environment"],
        ),
        (["--precision", "2"], {}, ["--precision: '2' is not a share", "write 0.03 or 3%"]),
        (["--report", "run.pdf"], {}, ["--report: 'run.pdf' ends in .pdf, not in .html, .md, .csv or .json"]),
        (["--replay", "orders"], {}, ["--replay: 'orders' is not NAME=VALUE"]),
        (["--postgres-setting", "fsync"], {}, ["--postgres-setting: 'fsync' is not NAME=VALUE"]),
        (
            [],
            {"SCHEMABENCH_NEUTRAL_IDS": "perhaps"},
            ["--neutral-ids: 'perhaps' is neither true nor false", "--neutral-ids: omit"],
        ),
    ],
    ids=["duration", "number", "share", "report", "replay", "setting", "switch"],
)
def test_an_unacceptable_value_is_named_with_its_source(
    shop: Shop, arguments: list[str], environment: dict[str, str], words: list[str]
) -> None:
    result = shop.run(*arguments, **environment)

    assert result.ret == 4
    assert_clear(result, *words)


def test_an_unacceptable_value_of_the_ini_file_is_named_with_its_source(shop: Shop) -> None:
    shop.write("pytest.ini", "[pytest]\nschemabench_seed = -1\n")

    assert_clear(shop.run(), "--seed: '-1' is not a whole number", "set by: ini file")


@pytest.mark.parametrize(
    "report",
    ["pytest.ini/run.md", "/proc/run.md", "schemas", "x" * 300 + ".md"],
    ids=["file", "system", "folder", "name too long"],
)
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_measured(shop: Shop, report: str) -> None:
    shop.write("pytest.ini", "[pytest]\n")
    (shop.path / "schemas.md").mkdir()

    result = shop.run("--report", report.replace("schemas", "schemas.md"))

    assert_clear(result, f"--report {shop.path / report.replace('schemas', 'schemas.md')} cannot be written")
    assert "building" not in said(result)


def test_a_report_that_cannot_be_written_after_all_fails_the_run_and_the_ranking_is_shown(shop: Shop) -> None:
    shop.write(
        "tests/test_zoo.py", "from pathlib import Path\n\ndef test_zoo():\n    Path('out').write_text('in the way')\n"
    )

    result = shop.run("tests/test_zoo.py", "tests/test_orders.py", "--report", "out/run.md", "-q")

    assert_clear(result, "The report", "cannot be written")
    assert "orders at typical" in said(result)
    assert "report: out/run.md" not in said(result)


@pytest.mark.parametrize(
    "form",
    ["postgresql://maker:{}@127.0.0.1:1/postgres", "host=127.0.0.1 port=1 user=maker dbname=postgres password={}"],
    ids=["URL", "words"],
)
def test_no_output_shows_the_password_where_the_connection_fails(shop: Shop, form: str) -> None:
    result = shop.run("-vv", "--showlocals", "--postgres", form.format(PASSWORD), "-k", "baseline")

    assert result.ret == 1
    assert PASSWORD not in said(result)
    assert "No connection to postgresql://maker@127.0.0.1:1/postgres" in said(result)
