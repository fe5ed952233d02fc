"""`schemabench check`, as a user types it: its exit status is a verdict, and never 2 for an error."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import programs
import pytest
from fixed_run import BENCHMARK_JSON, RUN, USAGE

from schemabench import cli, parsing, report


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with a run file in which each verdict has its candidate."""
    monkeypatch.chdir(tmp_path)
    report.write_json(BENCHMARK_JSON, replace(RUN, experiments=(USAGE,)), Path("run.json"))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--candidates", "split_events,hash_partitioned"], 0),
        (["--candidates", "brin,split_events"], 0),
        (["--candidates", "secondary_index"], 1),
        (["--candidates", "narrow_keys"], 1),
        (["--candidates", "unlogged_landing"], 1),
        (["--candidates", "fillfactor", "--max-regression", "throughput=1%"], 2),
        (["--candidates", "fillfactor", "--criteria", "throughput,lock_waits", "--max-regression", "lock_waits=0"], 2),
        (["--candidates", "one_table"], 3),
        (["--candidates", "brin"], 3),
        (["--candidates", "nobody"], 3),
        (["--against", "nobody"], 3),
        (["--criteria", "wal_bytes"], 3),
        (["--criteria", ","], 3),
        (["--max-regression", "much"], 3),
        (["--max-regression", "-5%"], 3),
        (["--max-regression", "lock_waits=5%"], 3),
        (["--max-regression", "6%"], 3),
        (["--candidates", ","], 3),
        (["--no-such-option"], 3),
        (["another.json"], 3),
        (["-o", "check.pdf"], 3),
        ([], 1),
    ],
    ids=str,
)
def test_exit_status_is_the_verdict(arguments: list[str], status: int) -> None:
    try:
        found = cli.main(["check", "run.json", "--max-regression", "5%", *arguments])
    except SystemExit as refused:
        found = int(refused.code or 0)

    assert found == status


@pytest.mark.parametrize("arguments", [[], ["run.json"], ["--max-regression", "5%"]])
def test_incomplete_command_is_an_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(["check", *arguments])

    assert refused.value.code == 3


def test_bound_of_one_criterion_says_nothing_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.main(["check", "run.json", "--max-regression", "lock_waits=5%", "--criteria", "throughput,lock_waits"])

    assert status == 3
    assert "--max-regression says nothing of 'throughput'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bounds", "by"), [(["5%", "throughput=1%", "6%"], "all criteria"), (["throughput=5%"] * 2, "'throughput'")]
)
def test_two_bounds_for_the_same_are_refused(bounds: list[str], by: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.main(["check", "run.json", *(f"--max-regression={bound}" for bound in bounds)])

    assert status == 3
    assert f"--max-regression says twice what is allowed by {by}" in capsys.readouterr().err


def test_defect_of_the_program_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "checked", lambda _: 1 / 0)

    assert cli.main(["check", "run.json", "--max-regression", "5%"]) == 3
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("5%", ("", 0.05)),
        ("0.05", ("", 0.05)),
        ("0", ("", 0.0)),
        ("wal_bytes=150%", ("wal_bytes", 1.5)),
        ("wal-bytes = 20 %", ("wal_bytes", 0.2)),
    ],
)
def test_bound_is_a_share_perhaps_of_a_criterion(text: str, parsed: tuple[str, float]) -> None:
    assert parsing.regression(text) == parsed


@pytest.mark.parametrize("text", ["5", "1", "", "=5%", "wal_bytes=", "-1%", "nan", "inf", "nan%", "5%%"])
def test_bound_that_may_be_taken_for_another_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a share such as 5%"):
        parsing.regression(text)


def test_two_runs_are_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    report.write_json(BENCHMARK_JSON, RUN, Path("old.json"))
    status = cli.main(["check", "run.json", "old.json", "--max-regression", "5%"])

    told = capsys.readouterr().err
    assert status == 3
    assert "A check is about one run, not 2" in told
    assert "measure both schemas in one run" in told
    assert "schemabench report run.json old.json" in told


def test_verdicts_are_printed_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "run.json", "--max-regression", "5%", "-o", "check.md", "-o", "out/check.html"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("Check against baseline: worse than allowed\n\n")
    assert "\nusage at typical\n====" in printed
    assert Path("check.md").read_text().startswith("# Check against baseline: worse than allowed\n")
    assert "<title>Check against baseline: worse than allowed</title>" in Path("out/check.html").read_text()


def test_status_stands_also_where_nobody_reads_what_is_printed() -> None:
    names = [f"candidate_{number}" for number in range(200)]
    worse = next(one for one in USAGE.candidates if one.name == "secondary_index")
    more = tuple(replace(worse, name=name, standings=worse.standings) for name in names)
    many = replace(USAGE, candidates=(*USAGE.candidates, *more))
    report.write_json(BENCHMARK_JSON, replace(RUN, experiments=(many,)), Path("many.json"))
    reading, writing = os.pipe()
    os.close(reading)

    done = programs.run(
        [sys.executable, "-m", "schemabench", "check", "many.json", "--max-regression", "5%"], stdout=writing
    )
    os.close(writing)

    assert done.returncode == 1


def test_run_that_pytest_benchmark_saved_is_checked_likewise() -> None:
    content = json.loads(Path("run.json").read_text())
    Path("saved.json").write_text(json.dumps({**content, "commit_info": {"branch": "main"}}))

    assert cli.main(["check", "saved.json", "--max-regression", "5%"]) == 1


def test_status_of_other_commands_stays_what_it_was() -> None:
    assert cli.main(["report", "another.json"]) == 2
    with pytest.raises(SystemExit) as refused:
        cli.main(["report", "run.json", "--no-such-option"])

    assert refused.value.code == 2
