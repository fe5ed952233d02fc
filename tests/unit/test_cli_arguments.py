"""What the command line refuses before it does anything."""

import sys
from pathlib import Path

import programs
import pytest

from schemabench import cli
from schemabench.options import Options
from schemabench.records import OptionValue

INTERRUPTED = """
import atexit, os, runpy, signal, sys

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            interrupt()

moment = sys.argv.pop()
signal.signal(signal.SIGINT, signal.default_int_handler)  # which the background job of a script ignores
sys.meta_path.insert(0, Finder())
if moment == "its end":
    atexit.register(interrupt)
sys.argv[0] = "schemabench"
runpy.run_module("schemabench", run_name="__main__")
"""
"""The command line, which gets Ctrl-C when it imports a module, or after all it does."""


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["crossover", "usage", "--map", "3"], "'3' is not a grid such as 3x3, with 2 to 9 values per axis"),
        (["crossover", "usage", "--map", "1x3"], "'1x3' is not a grid such as 3x3"),
        (["crossover", "usage", "--map", "3x10"], "'3x10' is not a grid such as 3x3"),
        (["crossover", "usage", "--map", "3x3", "--over", "rows"], "'rows' is not an axis such as rows=1..1000"),
        (["crossover", "usage", "--map", "3x3", "--over", "round-trip=0..far"], "round-trip=0ms..5ms"),
        (["growth", "usage"], "the following arguments are required: --over"),
        (["growth", "usage", "--over", "rows", "--project-to", "far"], "'far' is not a positive number"),
        (["growth", "usage", "--over", "rows", "--project-to", "0x"], "'0' is not a positive number"),
        (["growth", "usage", "--over", "rows", "--project-to", "1x"], "'1x' does not reach beyond the last value"),
        (["growth", "usage", "--over", "rows", "--disk", "15"], "'15' is not a size such as 15GB or 500MB"),
        (["growth", "usage", "--over", "rows", "--disk", "0GB"], "'0GB' is not a size such as 15GB or 500MB"),
        (["growth", "usage", "--over", "rows", "--race"], "unrecognized arguments: --race"),
        (["crossover", "usage", "--race-places", "1"], "unrecognized arguments: --race-places 1"),
        (["crossover", "usage", "--production", "off"], "unrecognized arguments: --production off"),
        (["cardinalities", "draw", "usage", "-n", "0"], "'0' is not a whole number from 1 to 100"),
        (["cardinalities", "draw", "usage", "-n", "many"], "'many' is not a whole number"),
    ],
)
def test_number_out_of_bounds_is_refused(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)

    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"pytest.ini": "[pytest\nx"}, "pytest.ini:1: unexpected value continuation"),
        ({"pytest.ini": "[pytest]\n", "conftest.py": "import nothere\n"}, "No module named 'nothere'"),
        ({"pytest.ini": "[pytest]\n", "conftest.py": "raise SystemExit('too old')\n"}, "too old"),
        ({"pyproject.toml": "[tool.pytest]\nschemabench_clients = 4\n"}, "'schemabench_clients' expects a string"),
    ],
)
@pytest.mark.parametrize(
    ("command", "status"), [(["crossover", "usage"], 2), (["rehearse", "usage", "--candidate", "x"], 3)]
)
def test_a_project_whose_pytest_is_broken_is_told_in_words_by_the_status_of_an_error(
    files: dict[str, str], reason: str, command: list[str], status: int, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = programs.run([sys.executable, "-m", "schemabench", *command], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == status
    assert done.stderr.startswith("ERROR: pytest cannot be configured here: ")
    assert reason in done.stderr


@pytest.mark.parametrize("command", [["crossover", "votes"], ["growth", "votes", "--over", "clients"]])
def test_options_that_a_command_does_not_heed_are_as_if_nobody_had_set_them(command: list[str]) -> None:
    set_ = Options(soak_s=5.0, production="off", neutral_ids=("one",), workload=("usage",), race=True, clients=7)
    origins = [OptionValue(name=name, value="", source="environment") for name in ("--soak", "--race", "--clients")]
    settings, told = cli._heeded(set_, origins, cli._parser().parse_args(command).unheeded)

    assert settings == Options(clients=7)
    assert [one.name for one in told] == ["--clients"]


def test_a_map_that_is_to_be_resumed_is_refused_with_what_to_leave_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["crossover", "usage", "--map", "3x3", "--resume"]) == 2

    said = capsys.readouterr().err
    assert "--resume continues an interrupted search, and --map draws a map" in said
    assert "draw the map from its first cell: leave out --resume" in said
    assert "resume the search: leave out --map" in said


@pytest.mark.parametrize(
    ("command", "said", "unsaid"),
    [
        ("growth", "time for everything, loading included", "measuring time for each workload"),
        ("crossover", "the cardinality to start at", "or `all`"),
        ("rehearse", "the candidate to apply, which extends another one", "a candidate to rank"),
        ("rehearse", "130  interrupted", "or `all`"),
    ],
)
def test_help_says_of_an_option_what_it_is_to_the_command(
    command: str, said: str, unsaid: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])

    shown = " ".join(capsys.readouterr().out.replace("130  ", "130 ").split())
    assert " ".join(said.split()) in shown
    assert unsaid not in shown


def test_interrupted_command_ends_as_shells_say_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "survey", interrupted)

    assert cli.main(["servers"]) == 130
    assert capsys.readouterr().err == "Interrupted\n"


@pytest.mark.parametrize(
    "moment", ["schemabench.cli", "pytest", "psycopg.pq", "schemabench.production_command", "its end"]
)
def test_command_that_is_interrupted_while_it_loads_or_ends_says_so_in_a_line(moment: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, "--version", moment]
    done = programs.run(command, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (130, "Interrupted\n")


@pytest.mark.parametrize(
    "command",
    [
        ["report", "DSN"],
        ["report", "run.json", "-o", "DSN"],
        ["check", "DSN", "--max-regression", "5%"],
        ["check", "run.json", "--max-regression", "5%", "-o", "DSN"],
        ["production", "DSN", "--from", "postgresql://h/d"],
        ["init", "DSN"],
        ["init", "--from", "postgresql://h/d", "--from-log", "DSN"],
        ["init", "--pgbench", "tpcb-like", "--schema", "DSN"],
        ["noise", "model", "-o", "DSN"],
        ["noise", "populate", "DSN"],
        ["rehearse", "usage", "--candidate", "x", "-o", "DSN"],
    ],
    ids=" ".join,
)
def test_connection_string_in_the_place_of_a_path_is_refused_without_its_password(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    dsn = "postgresql://app:hunter2@127.0.0.1:1/db.json"
    with pytest.raises(SystemExit) as caught:
        cli.main([dsn if word == "DSN" else word for word in command])

    said = capsys.readouterr().err
    assert caught.value.code in {2, 3}
    assert "it is a connection string, not a path" in said
    assert "hunter2" not in said
    assert not [*tmp_path.iterdir()], "no folder is made of it"


def test_a_table_and_a_file_of_whole_reports_are_not_asked_for_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", "run.json", "--table", "ranks", "-o", str(tmp_path / "ranks.csv")]) == 2

    assert "--table prints one table, and -o writes whole reports" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()], "it would hold the trials"
