"""`schemabench report` over several run files, as a user types it."""

import json
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from drawn import markdown
from fixed_run import BENCHMARK_JSON
from several_runs import FOUR, compared

from schemabench import cli, report
from schemabench.records import FORMAT, OLDEST_FORMAT, CandidateResult, Experiment, Run
from schemabench.report import flavored, matrix, page


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with the run files `a.json` to `d.json`, in which to type the command."""
    monkeypatch.chdir(tmp_path)
    for letter, run in zip("abcd", FOUR, strict=True):
        save(run, Path(f"{letter}.json"))
    return tmp_path


def save(run: Run, path: Path) -> None:
    report.write_json(BENCHMARK_JSON, run, path)


def edit(name: str, **changes: object) -> None:
    """Change keys of the run in a run file; those that become None go away."""
    content = json.loads(Path(name).read_text())
    content["schemabench"] = {
        key: value for key, value in (content["schemabench"] | changes).items() if value is not None
    }
    Path(name).write_text(json.dumps(content))


def test_several_run_files_are_drawn_as_a_matrix_in_every_format_asked_for() -> None:
    arguments = ["report", "a.json", "b.json", "c.json", "d.json", "-o", "out/matrix.md", "-o", "out/matrix.html"]
    assert cli.main(arguments) == 0
    assert Path("out/matrix.md").read_text() == flavored.markdown(matrix.document(compared(*FOUR)))
    assert Path("out/matrix.html").read_text() == page.html(matrix.document(compared(*FOUR)))


def test_pattern_names_the_files_that_exist() -> None:
    assert cli.main(["report", "[a-z].json", "-o", "matrix.md"]) == 0
    assert Path("matrix.md").read_text() == flavored.markdown(matrix.document(compared(*FOUR)))


def test_file_that_patterns_match_again_stands_in_the_matrix_once() -> None:
    Path("link.json").symlink_to("a.json")
    assert cli.main(["report", "a.json", "*.json", "[a-d].json", "-o", "matrix.md"]) == 0
    assert Path("matrix.md").read_text() == flavored.markdown(matrix.document(compared(*FOUR)))


def test_without_an_output_the_matrix_is_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", "a.json", "b.json"]) == 0
    shown = capsys.readouterr().out
    assert "usage at typical, by PostgreSQL version" in shown
    assert "two_tables" in shown


def test_one_table_of_a_report_is_printed_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", "a.json", "b.json", "--table", "matrix-1-runs"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.startswith("run,started (UTC),PostgreSQL,clients,")
    assert [row.partition(",")[0] for row in rows] == ["PostgreSQL 15", "PostgreSQL 18"]


def test_unknown_table_is_an_error_that_lists_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", "a.json", "--table", "rank"]) == 2
    told = capsys.readouterr().err
    assert "The report has no table 'rank'" in told
    assert "  - 1-usage-typical-ranks: Candidates in order of rank" in told, "with what is in it"


def test_one_run_file_is_drawn_as_the_report_of_that_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", "a.json", "-o", "one.md"]) == 0
    assert Path("one.md").read_text() == markdown(FOUR[0])
    assert cli.main(["report", "a.json"]) == 0
    assert capsys.readouterr().out == report.terminal(FOUR[0]) + "\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.json", "b.json", "-o", "matrix.pdf"], r"No report format for \.pdf(.|\n)*end the path in \.html or \.md"),
        (["a.json", "a.json", "-o", "matrix.html"], r"a\.json is named twice(.|\n)*name each run once"),
        (["a.json", "./out/../a.json"], r"a\.json and out/\.\./a\.json are the same file"),
        (["link.json", "b.json", "a.json"], r"link\.json and a\.json are the same file"),
        (["a.json", "[a]*.json", "gone.json", "gone.json"], r"gone\.json is named twice"),
        (["e*.json"], r"No run file matches e\*\.json"),
        (["a.json", "gone.json"], r"There is no run file gone\.json"),
        (["a.json", "copy.json"], r"a\.json and copy\.json hold the same run"),
        (["a.json", "serial.json"], r"a\.json and serial\.json cannot be compared(.|\n)*serializable"),
        (["a.json", "newer.json"], rf"newer\.json has format {FORMAT + 1}, newer than {FORMAT}(.|\n)*upgrade"),
        (["a.json", "older.json"], rf"older\.json has format 0, older than {OLDEST_FORMAT}(.|\n)*that version"),
        (["a.json", "cut.json"], r"cut\.json is not JSON"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_file_and_the_reason(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path("a.json").read_text()
    for name in ("copy", "serial", "newer", "older"):
        Path(f"{name}.json").write_text(text)
    Path("cut.json").write_text(text[:1000])
    Path("out").mkdir()
    Path("link.json").symlink_to("a.json")
    edit("newer.json", format=FORMAT + 1)
    edit("older.json", format=OLDEST_FORMAT - 1)
    content = json.loads(text)["schemabench"]
    edit("serial.json", run_id="another", experiments=[content["experiments"][0] | {"isolation": "serializable"}])
    assert cli.main(["report", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ERROR: ")
    assert re.search(expected, error)
    assert not list(Path().glob("matrix.*"))


def test_run_file_of_an_older_version_is_read_without_the_fields_that_came_later() -> None:
    for name in ("a.json", "b.json"):
        content = json.loads(Path(name).read_text())
        edit(
            name,
            format=None,
            experiments=[without_defaults(one, Experiment) for one in content["schemabench"]["experiments"]],
        )
    assert cli.main(["report", "a.json", "b.json", "-o", "matrix.md"]) == 0
    text = Path("matrix.md").read_text()
    assert "Whether all runs executed the same operations cannot be checked: their SQL is not in b.json, a.json" in text
    assert "| `two_tables`" in text


def test_run_file_of_a_later_version_is_read_without_the_fields_that_are_not_known_yet() -> None:
    edit("a.json", colour="blue")
    assert cli.main(["report", "a.json", "b.json", "c.json", "d.json", "-o", "matrix.md"]) == 0
    assert Path("matrix.md").read_text() == flavored.markdown(matrix.document(compared(*FOUR)))


def without_defaults(value: dict[str, Any], kind: type) -> dict[str, Any]:
    """Return the fields of a record that every version wrote, and so its candidates."""
    kept = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}
    found = {key: inner for key, inner in value.items() if key in kept | {"standing"}}
    if "candidates" in found:
        found["candidates"] = [without_defaults(one, CandidateResult) for one in found["candidates"]]
    return found
