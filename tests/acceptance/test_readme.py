"""What README.md tells people to type and to write is understood: the tests beside this one measure."""

import configparser
import json
import re
import shlex
import sys
from pathlib import Path

import programs
import pytest

from schemabench import load_run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    shlex.split(part, comments=True) for block in BLOCKS for line in block.splitlines() for part in line.split(" && ")
]
EVALUATIONS = [words for words in COMMANDS if words[:2] == ["pytest", "tests/evaluation"]]


COLLECTING = """\
import contextlib, io, json, sys
import pytest

for words in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = pytest.main([*words, "--collect-only", "-q", "-p", "no:cacheprovider"])
    print(json.dumps([status, out.getvalue()]))
"""


@pytest.fixture(scope="module")
def collected() -> dict[str, tuple[int, str]]:
    """Return, for each evaluation, pytest's status and what it said that it found: of one workload, in one process."""
    one = ["--workload", "usage"]
    asked = json.dumps([[*words[1:], *([] if "--workload" in words else one)] for words in EVALUATIONS])
    command = [sys.executable, "-c", COLLECTING]
    done = programs.run(command, cwd=ROOT, input=asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = map(json.loads, done.stdout.splitlines())
    return {" ".join(words): (status, said) for words, (status, said) in zip(EVALUATIONS, found, strict=True)}


@pytest.mark.parametrize("words", EVALUATIONS, ids=[" ".join(words[2:]) for words in EVALUATIONS])
def test_every_evaluation_finds_its_candidates(collected: dict[str, tuple[int, str]], words: list[str]) -> None:
    status, said = collected[" ".join(words)]

    assert status == 0, said
    assert "baseline]" in said or "--candidate" in words
    assert "-typical" in said or "--cardinality" in words


def test_every_environment_of_tox_exists() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    named = {name for words in COMMANDS if words[:3] == ["tox", "run", "-e"] for name in words[3].split(",")}

    assert named >= {"rank", "test", "pg15", "pg16", "pg17", "pg18"}
    for name in named - {"pg15", "pg16", "pg17", "pg18"}:
        assert f"testenv:{name}" in tox
    assert "pg{15,16,17,18}" in tox["tox"]["env_list"]


def test_servers_are_listed() -> None:
    assert ["schemabench", "servers"] in COMMANDS
    command = [sys.executable, "-m", "schemabench", "servers"]
    result = programs.run(command, cwd=ROOT, capture_output=True, text=True)

    assert result.returncode == 0, result.stderr
    assert "can be used" in result.stdout


def test_nothing_else_is_to_be_typed() -> None:
    known = {("pytest", "tests/evaluation"), ("tox", "run"), ("pip", "install"), ("pytest", "--budget")}
    known |= {("schemabench", command) for command in ("servers", "init", "report", "check", "balance", "rehearse")} | {
        ("cd", "shop")
    }

    assert {tuple(words[:2]) for words in COMMANDS if words} <= known


def test_what_a_test_may_assert_of_a_result_holds_of_one_that_was_measured() -> None:
    snippets = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    asserted = re.findall(r"`(assert evaluate\(\)[^`]*)`", README)
    (experiment,) = load_run(ROOT / "reports" / "example" / "usage_at_worst.json.gz").run.experiments
    first = experiment.candidates[0]
    known = {"pytest": pytest, "evaluate": lambda: first}

    assert any("def test_orders(evaluate)" in text for text in snippets)
    assert asserted, "README.md shows no test that asserts more than `evaluate()` does"
    for text in [*snippets, *asserted]:
        exec(text, known)  # noqa: S102 (of our own page)
    known["test_orders"](known["evaluate"])
