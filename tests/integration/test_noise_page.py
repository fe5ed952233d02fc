"""docs/noise.md: its commands, run one after the other, print what it shows."""

import json
import os
import re
import shlex
from pathlib import Path

import msgspec
import pytest
from towns import Towns

from schemabench import cli
from schemabench.noise import datamodel, reading

PAGE = (Path(__file__).parents[2] / "docs" / "noise.md").read_text(encoding="utf-8")
COMMANDS, _, MEASURING = PAGE.partition("## In a measurement")
BLOCKS = re.findall(r"(<!-- digits differ -->\n)?```(\w+)\n(.*?)```", COMMANDS, re.DOTALL)
TABLE, MAPPING = (text for _, kind, text in BLOCKS if kind == "sql")


def _shape(text: str) -> str:
    """Return a table of counts without its figures."""
    return re.sub(r"[\d.,-]+|(?<=\d )[mun]?s\b|\s+", "", re.sub(r"\d (ns|us|ms|s)\b", "", text))


def test_commands_print_what_the_page_shows(
    towns: Towns, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(towns.folder)
    monkeypatch.setenv("SCHEMABENCH_POSTGRES", towns.conninfo)
    Path("mapping.sql").write_text(MAPPING)
    towns.change(TABLE)
    printed, shown = "", 0
    for differs, kind, block in BLOCKS:
        if kind == "sh":
            printed = "".join(_printed(line, towns, capsys) for line in block.splitlines())
        elif kind == "text":
            same = _shape if differs else str
            assert same(block) == same(printed), f"the page shows something else: put this there:\n{printed}"
            shown += 1

    assert shown == 4
    assert not towns.rows("SELECT FROM pg_namespace WHERE nspname = 'ghost'")
    assert towns.rows("SELECT count(*) FROM person") == [(0,)]


def _printed(line: str, towns: Towns, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command prints."""
    program, *words = shlex.split(line)
    if program == "export":
        return ""
    if "fit" in words:  # the page has removed the town by then, and that of the mapping is not there yet
        towns.do("populate", "noise.json")
    words = [os.path.expandvars(word) for word in words]
    assert (program, cli.main(words)) == ("schemabench", 0), line
    printed = capsys.readouterr().out
    if "fit" in words:
        towns.do("drop")
    return printed


def test_job_of_the_page_is_one_of_the_sample(tmp_path: Path) -> None:
    (text,) = (text for _, kind, text in BLOCKS if kind == "json")
    path = tmp_path / "noise.json"
    assert cli.main(["noise", "model", "--orgs", "1", "--sample", "-o", str(path)]) == 0

    jobs = reading.read(path).organisations[0].jobs

    assert json.loads(text) in [msgspec.to_builtins(job) | {"labels": list(job.labels)} for job in jobs]


def test_distributions_of_the_page_are_those_there_are(tmp_path: Path) -> None:
    (text,) = (text for _, kind, text in BLOCKS if kind == "toml")
    for name in datamodel.TABLES:
        (tmp_path / f"{name}.toml").write_text((datamodel.SHIPPED / "full" / f"{name}.toml").read_text())
    own = (tmp_path / "jobs.toml").read_text()
    rest = own[own.index("[state]") :]
    (tmp_path / "jobs.toml").write_text(f"{text}\n{rest}")

    assert datamodel.load(tmp_path).jobs == datamodel.load(None).jobs
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE.partition("| distribution |")[2], re.MULTILINE)[:6] == [
        *datamodel.NAMES
    ]


@pytest.mark.parametrize("verb", ["model", "fit", "populate", "verify", "run", "drop"])
def test_page_explains_every_verb(verb: str) -> None:
    assert f"| `{verb}` |" in PAGE
