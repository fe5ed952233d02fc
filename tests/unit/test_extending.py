"""Candidates that extend others: what they inherit, what they may change, and what is refused."""

from pathlib import Path

import pytest

from schemabench import sqlfile
from schemabench.candidate import Candidate, find, operations, remedies
from schemabench.errors import CandidateError, WorkloadError

TABLE = "CREATE TABLE item (key text);\n"
INDEX = "CREATE INDEX ON item (key);\n"
OPERATIONS = "-- name: write\nSELECT 0;\n-- name: read\nSELECT 0;\n-- name: count\nSELECT 0;\n"


def _find(folder: Path, **files: str) -> dict[str, Candidate]:
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return find(folder)


def _refused(folder: Path, **files: str) -> CandidateError:
    with pytest.raises(CandidateError) as caught:
        _find(folder, **{"baseline": TABLE, **files})
    return caught.value


def _statements(one: Candidate) -> list[str]:
    return [each.text.sql.strip() for section in one.schema for each in section.statements if each.text.sql.strip()]


def test_what_is_extended_comes_first(tmp_path: Path) -> None:
    found = _find(
        tmp_path,
        a=f"-- extends: z\n{INDEX}",
        baseline=TABLE,
        z="-- extends: baseline\nALTER TABLE item ADD n int;\n",
    )

    lines = [" ".join(line.splitlines()[-1:]) for line in _statements(found["a"])]
    assert lines == [TABLE.rstrip(";\n"), "ALTER TABLE item ADD n int", INDEX.rstrip(";\n")]
    assert [one.name for one in found["a"].lineage] == ["baseline", "z", "a"]
    assert [script.file.path.stem for script in found["a"].scripts] == ["baseline", "z", "a"]


def test_the_baseline_may_extend_another(tmp_path: Path) -> None:
    found = _find(tmp_path, baseline="-- extends: old\n", old=TABLE)

    assert _statements(found["baseline"])[0] == TABLE.rstrip(";\n")


def test_operations_are_inherited_and_may_be_overridden_again(tmp_path: Path) -> None:
    (tmp_path / "workload.txt").write_text(OPERATIONS, encoding="utf-8")
    defaults = sqlfile.read(tmp_path / "workload.txt", WorkloadError).operations
    found = _find(
        tmp_path,
        baseline=f"{TABLE}-- name: write\nSELECT 1;\n-- name: read\nSELECT 1;\n",
        more="-- extends: baseline\n-- name: read\nSELECT 2;\n",
    )

    merged = operations(found["more"], defaults)

    assert [one.statements[0].text.sql for one in merged.values()] == ["SELECT 1", "SELECT 2", "SELECT 0"]
    assert merged["write"].text.path == tmp_path / "baseline.sql"
    assert remedies(found["more"], merged["write"].statements[0].text, "write") == [
        f"override it: `-- name: write` in {tmp_path}/more.sql"
    ]


def test_an_operation_that_does_not_exist_is_told_in_the_file_that_has_it(tmp_path: Path) -> None:
    found = _find(tmp_path, baseline=f"{TABLE}-- name: wrong\nSELECT 1;\n", more="-- extends: baseline\n")

    with pytest.raises(CandidateError, match="no operation 'wrong'") as caught:
        operations(found["more"], {})
    assert str(caught.value.where).startswith(f"{tmp_path}/baseline.sql:2:")


def test_summary_and_expectation_are_its_own(tmp_path: Path) -> None:
    found = _find(tmp_path, baseline=f"-- summary: a\n-- expects: b\n{TABLE}", more="-- extends: baseline\n")

    assert (found["more"].summary, found["more"].expects) == ("", "")


def test_bounds_add_up(tmp_path: Path) -> None:
    found = _find(
        tmp_path, baseline=f"-- postgres: >= 15\n{TABLE}", more="-- extends: baseline\n-- postgres: < 18, >= 16\n"
    )

    more = found["more"]
    assert {major for major in range(14, 20) if more.refuses(major * 10_000) is None} == {16, 17}
    assert found["baseline"].refuses(150_000) is None


@pytest.mark.parametrize(
    ("above", "own", "found"),
    [("", "part", "part"), ("part", "", "part"), ("one", "", "one"), ("part", "part", "part")],
)
def test_where_parts_live_is_inherited_unless_it_says(tmp_path: Path, above: str, own: str, found: str) -> None:
    header = "-- databases: {}\n"
    candidates = _find(
        tmp_path,
        baseline=(header.format(above) if above else "") + TABLE,
        more="-- extends: baseline\n" + (header.format(own) if own else ""),
    )

    assert candidates["more"].databases == found


@pytest.mark.parametrize(("above", "own"), [("one", "part"), ("part", "one")])
def test_places_of_parts_that_contradict_are_refused(tmp_path: Path, above: str, own: str) -> None:
    error = _refused(
        tmp_path,
        baseline=f"-- databases: {above}\n{TABLE}",
        between="-- extends: baseline\n",
        more=f"-- extends: between\n-- databases: {own}\n",
    )

    assert error.what == f"'more' has `-- databases: {own}`, and 'between', which it extends, `{above}`"
    assert str(error.where).startswith(f"{tmp_path}/more.sql:2:1")
    assert f"{tmp_path}/baseline.sql:1:1" in error.checked[0]


def test_a_name_that_is_none_is_refused_with_the_nearest(tmp_path: Path) -> None:
    error = _refused(tmp_path, more="-- summary: x\n-- extends: basline\n")

    assert error.what == "'more' extends 'basline', which is no candidate; did you mean 'baseline'?"
    assert str(error.where).startswith(f"{tmp_path}/more.sql:2:1")
    assert error.checked == ("candidates: baseline, more",)


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        ({"a": "a"}, "a -> a"),
        ({"a": "b", "b": "a"}, "a -> b -> a"),
        ({"a": "b", "b": "c", "c": "b"}, "b -> c -> b"),
        ({"baseline": "a", "a": "baseline"}, "baseline -> a -> baseline"),
    ],
)
def test_a_circle_is_refused(tmp_path: Path, files: dict[str, str], circle: str) -> None:
    error = _refused(tmp_path, **{name: f"-- extends: {other}\n{TABLE}" for name, other in files.items()})

    assert error.what == f"Candidates extend each other in a circle: {circle}"
    assert error.where is not None


def test_the_text_that_makes_it_what_it_is_holds_what_it_extends(tmp_path: Path) -> None:
    before = _find(tmp_path, baseline=TABLE, more=f"-- extends: baseline\n{INDEX}")["more"]
    after = _find(tmp_path, baseline=TABLE.replace("text", "varchar"))["more"]

    assert before.sql == after.sql == f"-- extends: baseline\n{INDEX}"
    assert before.text != after.text
    assert after.paths == {tmp_path / "baseline.sql", tmp_path / "more.sql"}
