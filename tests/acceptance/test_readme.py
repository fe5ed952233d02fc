"""What README.md tells people to type is understood: measuring itself is left to the tests beside this one."""

import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path

import programs
import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
COMMANDS = [
    shlex.split(part, comments=True) for block in BLOCKS for line in block.splitlines() for part in line.split(" && ")
]
EVALUATIONS = [words for words in COMMANDS if words[:2] == ["pytest", "tests/evaluation"]]


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return programs.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("words", EVALUATIONS, ids=[" ".join(words[2:]) for words in EVALUATIONS])
def test_every_evaluation_finds_its_candidates(words: list[str]) -> None:
    result = _run(*words, "--collect-only", "-q", "-p", "no:cacheprovider")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "baseline]" in result.stdout or "--candidate" in words
    assert "-typical" in result.stdout or "--cardinality" in words


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
    result = _run("schemabench", "servers")

    assert result.returncode == 0, result.stderr
    assert "can be used" in result.stdout


def test_nothing_else_is_to_be_typed() -> None:
    known = {("pytest", "tests/evaluation"), ("tox", "run"), ("pip", "install"), ("pytest", "--budget")}
    known |= {("schemabench", command) for command in ("servers", "init", "report", "check", "balance", "rehearse")} | {
        ("cd", "shop")
    }

    assert {tuple(words[:2]) for words in COMMANDS if words} <= known
