"""docs/run-file.schema.json is the format of a run file: held to the records, and true of real files of every age."""

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from fixed_run import BENCHMARK_JSON, RUN
from jsonschema import Draft202012Validator
from run_file_schema import run_file_schema

from schemabench import load_run, report
from schemabench.records import FORMAT, from_builtins, to_builtins

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "docs" / "run-file.schema.json"
KEPT = sorted((ROOT / "tests" / "truth" / "run_files").glob("*.json"))
EXAMPLES = sorted((ROOT / "reports" / "example").glob("*.json.gz"))
TABLES = ("experiments", "candidates", "standings", "costs", "latencies", "contention", "writers")


def problems(content: dict[str, Any]) -> list[str]:
    errors = Draft202012Validator(run_file_schema()).iter_errors(json.loads(json.dumps(content)))  # as a file has it
    return [f"{one.json_path}: {one.message}"[:200] for one in errors]


def read(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    content: dict[str, Any] = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    return content


def test_the_shipped_schema_is_that_of_the_records() -> None:
    made = json.dumps(run_file_schema(), indent=1) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        SHIPPED.write_text(made, encoding="utf-8")

    assert SHIPPED.read_text(encoding="utf-8") == made, f"{SHIPPED} differs; where that is meant: UPDATE_GOLDEN=1"


def test_schema_is_one_and_says_what_fields_mean() -> None:
    schema = run_file_schema()
    Draft202012Validator.check_schema(schema)
    standing = schema["$defs"]["Standing"]["properties"]

    assert "hold jointly" in standing["to_baseline"]["description"]
    assert schema["$defs"]["Run"]["properties"]["format"]["const"] == FORMAT


@pytest.mark.parametrize("path", [*KEPT, *EXAMPLES], ids=lambda path: path.name)
def test_files_of_todays_format_have_the_schema_and_older_ones_once_they_are_read(path: Path) -> None:
    content = read(path)
    then = content["schemabench"]["format"]
    today = {**content, "schemabench": {**to_builtins(from_builtins(content["schemabench"])), "format": FORMAT}}

    assert problems(today) == []
    if then == FORMAT:
        assert problems(content) == []


def test_file_that_is_written_today_has_the_schema(tmp_path: Path) -> None:
    report.write_json(BENCHMARK_JSON, RUN, tmp_path / "run.json")

    assert problems(read(tmp_path / "run.json")) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": FORMAT - 1}, "$.schemabench.format"),
        ({"run_id": 5}, "$.schemabench.run_id"),
        ({"experiments": [{}]}, "$.schemabench.experiments[0]"),
    ],
)
def test_schema_refuses_what_a_run_file_is_not(changes: dict[str, Any], said: str) -> None:
    found = problems({"schemabench": {**to_builtins(RUN), **changes}})

    assert found
    assert found[0].startswith(said)


def test_fields_that_a_later_version_adds_are_allowed() -> None:
    assert problems({"machine_info": {}, "schemabench": {**to_builtins(RUN), "added_later": 1}}) == []


@pytest.mark.parametrize("path", [*KEPT, *EXAMPLES], ids=lambda path: path.name)
def test_run_of_every_age_has_the_same_tables_with_the_same_columns(path: Path) -> None:
    today, then = load_run(EXAMPLES[0]), load_run(path)

    for table in TABLES:
        assert dict(getattr(then, table).dtypes) == dict(getattr(today, table).dtypes)


def test_page_says_what_changed_in_every_format() -> None:
    page = (ROOT / "docs" / "run-file.md").read_text(encoding="utf-8")

    assert [int(one) for one in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == [*range(FORMAT, 0, -1)]


def test_every_format_has_files() -> None:
    assert {read(path)["schemabench"]["format"] for path in KEPT} == set(range(1, FORMAT + 1))
