"""What the command line refuses before it does anything."""

import sys

import programs
import pytest

from schemabench import cli

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
    ("command", "said", "unsaid"),
    [
        ("growth", "time for everything, loading included", "measuring time per experiment"),
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
