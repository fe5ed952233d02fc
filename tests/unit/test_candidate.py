"""Candidates: which files are some, which servers they need, and what they may override."""

from pathlib import Path

import pytest

from schemabench import sqlfile
from schemabench.candidate import Candidate, find, operations, remedies, select
from schemabench.errors import CandidateError, UsageError, WorkloadError
from schemabench.statements import Operation

TABLE = "CREATE TABLE item (key text);\n"
OWN = "-- name: refresh\nSELECT 2;\n"
OPERATIONS = "-- name: upsert_media\nSELECT :site_id, :media_count;\n-- name: refresh\nSELECT 1;\n"


def _write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return folder


def _one(folder: Path, text: str) -> Candidate:
    return find(_write(folder, baseline=text))["baseline"]


def _defaults(folder: Path) -> dict[str, Operation]:
    _write(folder, operations=OPERATIONS)
    return dict(sqlfile.read(folder / "operations.sql", WorkloadError).operations)


def test_candidates_are_found_by_name_the_baseline_first(tmp_path: Path) -> None:
    folder = _write(
        tmp_path / "usage", zebra=TABLE, baseline=TABLE, file="-- candidate: apple\n-- summary: a\n-- expects: b\n"
    )
    candidates = find(folder)

    assert list(candidates) == ["baseline", "apple", "zebra"]
    assert (candidates["apple"].summary, candidates["apple"].expects) == ("a", "b")
    assert candidates["apple"].file.path == folder / "file.sql"
    assert candidates["zebra"].summary == ""


def test_other_files_are_no_candidates(tmp_path: Path) -> None:
    folder = _write(tmp_path / "usage", baseline=TABLE)
    (folder / "README.md").write_text("-- candidate: no")
    (folder / ".#baseline.sql").symlink_to("an editor's lock, which leads nowhere")
    (folder / "moves").mkdir()
    (folder / "moves" / "._1.sql").write_bytes(b"\x00\x05\x16\x07")

    assert list(find(folder)) == ["baseline"]


def test_the_ending_of_a_candidate_may_be_in_capitals(tmp_path: Path) -> None:
    folder = _write(tmp_path / "usage", baseline=TABLE)
    (folder / "covering.SQL").write_text(TABLE)
    (folder / "moves").mkdir()
    (folder / "moves" / "1_item.Sql").write_text(TABLE)

    found = find(folder)
    assert list(found) == ["baseline", "covering", "moves"]
    assert [one.path.name for one in found["moves"].migrations] == ["1_item.Sql"]


@pytest.mark.parametrize("name", ["covering.sql.txt", "covering.SQL.txt", "covering.sql~", "covering.sql.off"])
@pytest.mark.parametrize("inside", ["", "moves"])
def test_a_file_that_only_looks_like_a_candidate_is_named(tmp_path: Path, name: str, inside: str) -> None:
    folder = _write(tmp_path / "usage", baseline=TABLE)
    _write(folder / inside, first=TABLE)
    path = folder / inside / name
    path.write_text(TABLE)

    with pytest.raises(CandidateError) as caught:
        find(folder)
    assert caught.value.what == f"{path} would be left out: its name does not end in .sql"
    assert caught.value.remedies == (f"name it {name[:12]}", f"hide it, if it is to be left out: .{name}")


def test_copies_beside_a_candidate_are_none(tmp_path: Path) -> None:
    folder = _write(tmp_path / "usage", baseline=TABLE)
    for name in ("baseline.sql~", "baseline.sql.orig", "sql.md", "notes.sqlite"):
        (folder / name).write_text(TABLE)

    assert list(find(folder)) == ["baseline"]


@pytest.mark.parametrize(
    ("bounds", "accepted"),
    [
        ("", {14, 15, 16, 17, 18, 99}),
        (">= 16", {16, 17, 18, 99}),
        ("> 16", {17, 18, 99}),
        ("<= 16", {14, 15, 16}),
        ("<16", {14, 15}),
        ("= 16", {16}),
        ("== 16", {16}),
        (">= 15, < 18", {15, 16, 17}),
        (">=15,<18,", {15, 16, 17}),
        (">= 99", {99}),
    ],
)
def test_bounds_say_which_servers_serve(tmp_path: Path, bounds: str, accepted: set[int]) -> None:
    candidate = _one(tmp_path, f"-- postgres: {bounds}\n{TABLE}")

    assert {major for major in (14, 15, 16, 17, 18, 99) if candidate.refuses(major * 10_000 + 6) is None} == accepted


def test_a_refusal_says_what_is_needed_and_what_there_is(tmp_path: Path) -> None:
    candidate = _one(tmp_path, f"-- postgres: >= 15, < 17\n{TABLE}")

    assert candidate.refuses(140_012) == "it needs PostgreSQL >= 15; the server is 14"
    assert candidate.refuses(180_006) == "it needs PostgreSQL < 17; the server is 18"


@pytest.mark.parametrize("bound", ["15", "15+", "=> 15", ">= 14.5", ">= fifteen", "!= 15", ">= 15 < 18"])
def test_a_bound_that_is_none_is_refused(tmp_path: Path, bound: str) -> None:
    with pytest.raises(CandidateError, match="is not a PostgreSQL version bound") as caught:
        _one(tmp_path, f"-- postgres: {bound}\n{TABLE}")

    assert repr(bound) in caught.value.what
    assert "-- postgres: >= 15" in caught.value.remedies[0]


@pytest.mark.parametrize(
    ("header", "suggestion"), [("sumary: a", "; did you mean 'summary'?"), ("inherits: baseline", ""), ("note:", "")]
)
def test_an_unknown_header_is_refused_at_its_line(tmp_path: Path, header: str, suggestion: str) -> None:
    key = header.partition(":")[0]
    with pytest.raises(CandidateError) as caught:
        _one(tmp_path, f"-- candidate: baseline\n-- {header}\n{TABLE}")

    assert caught.value.what == f"Unknown header {key!r}{suggestion}"
    assert str(caught.value.where).startswith(f"{tmp_path}/baseline.sql:2:1\n")
    assert caught.value.checked == ("headers: candidate, summary, expects, extends, postgres, databases",)


@pytest.mark.parametrize("remark", ["see also: the wiki", "Note: it is slow", "https://example.org/why", "no colon"])
def test_a_remark_is_no_header(tmp_path: Path, remark: str) -> None:
    assert _one(tmp_path, f"-- {remark}\n-- summary: a\n{TABLE}").summary == "a"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("-- summary: a\n\n-- postgres: >= 99\n", 3),
        (f"-- summary: a\n{TABLE}-- postgres: >= 99\n", 3),
        ("-- Postgres: >= 99\n", 1),
        ("-- postgres: >= 14\n-- postgres: >= 99\n", 2),
    ],
    ids=["after a blank line", "after a statement", "in capitals", "twice"],
)
def test_a_header_that_would_have_no_effect_is_refused(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(CandidateError, match=r"The header '[pP]ostgres' has no effect here") as caught:
        _one(tmp_path, f"{text}{TABLE}")

    assert caught.value.where is not None
    assert caught.value.where.line == line


def test_what_a_dump_or_the_body_of_a_function_says_is_no_header(tmp_path: Path) -> None:
    dumped = "--\n-- Name: item; Type: TABLE; Schema: public\n--\n"
    function = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n-- summary: of what it does\nSELECT 1 $$;\n"

    assert _one(tmp_path, f"{dumped}{TABLE}{function}").summary == ""


def test_two_candidates_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = _write(tmp_path, baseline=TABLE, a="-- candidate: same\n", b="-- candidate: same\n")

    with pytest.raises(CandidateError, match=r"Two candidates are named 'same': .*a\.sql and .*b\.sql"):
        find(folder)


@pytest.mark.parametrize("name", ["", "two words", "a/b", "baseline (control)", "-x", "a'b"])
def test_a_name_that_cannot_stand_in_a_test_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CandidateError, match="is not a valid candidate name"):
        find(_write(tmp_path, baseline=TABLE, other=f"-- candidate: {name}\n"))


def test_a_missing_baseline_is_said_with_what_there_is(tmp_path: Path) -> None:
    folder = _write(tmp_path, other=TABLE)

    with pytest.raises(UsageError, match="There is no candidate named 'baseline'") as caught:
        find(folder)
    assert caught.value.checked == ("candidates there: other",)
    assert f"write {folder}/baseline.sql" in caught.value.remedies[0]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no folder of candidates .*absent") as caught:
        find(tmp_path / "absent")

    assert caught.value.remedies == (f"create {tmp_path}/absent/baseline.sql",)


def test_candidates_are_selected_in_their_own_order(tmp_path: Path) -> None:
    candidates = find(_write(tmp_path, baseline=TABLE, a=TABLE, b=TABLE))

    assert [one.name for one in select(candidates, ["b", "a"])] == ["a", "b"]
    assert [one.name for one in select(candidates, [])] == ["baseline", "a", "b"]


def test_an_unknown_candidate_is_refused_with_the_nearest(tmp_path: Path) -> None:
    candidates = find(_write(tmp_path, baseline=TABLE, hash_by_site=TABLE))

    with pytest.raises(UsageError, match=r"no candidate 'hash_by_sit'; did you mean 'hash_by_site'\?") as caught:
        select(candidates, ["hash_by_sit"])
    assert caught.value.checked == ("candidates: baseline, hash_by_site",)


def test_a_candidate_overrides_operations_and_keeps_the_others(tmp_path: Path) -> None:
    defaults = _defaults(tmp_path / "workload")
    candidate = _one(tmp_path / "usage", f"{TABLE}-- name: upsert_media\nSELECT :media_count, :site_id")
    merged = operations(candidate, defaults)

    assert list(merged) == ["upsert_media", "refresh"]
    assert merged["upsert_media"].parameters == ("media_count", "site_id")
    assert merged["refresh"] is defaults["refresh"]


def test_an_unknown_operation_is_refused_with_the_nearest(tmp_path: Path) -> None:
    candidate = _one(tmp_path / "usage", f"{TABLE}-- name: upsert_meda\nSELECT 1")

    with pytest.raises(CandidateError, match=r"no operation 'upsert_meda'; did you mean 'upsert_media'\?") as caught:
        operations(candidate, _defaults(tmp_path / "workload"))
    assert caught.value.checked == ("operations: upsert_media, refresh",)
    assert caught.value.where is not None


def test_an_unknown_parameter_is_refused_at_its_place_with_the_nearest(tmp_path: Path) -> None:
    candidate = _one(tmp_path / "usage", f"{TABLE}-- name: upsert_media\nSELECT 1;\nSELECT :site_id,\n  :media_cont")

    with pytest.raises(CandidateError, match=r"no parameter :media_cont; did you mean 'media_count'\?") as caught:
        operations(candidate, _defaults(tmp_path / "workload"))
    assert caught.value.checked == ("parameters: site_id, media_count",)
    assert str(caught.value.where).startswith(f"{candidate.file.path}:5:3\n")


def test_an_operation_without_parameters_takes_none(tmp_path: Path) -> None:
    candidate = _one(tmp_path / "usage", f"{TABLE}-- name: refresh\nSELECT a[1:n]")

    with pytest.raises(CandidateError, match="takes no parameter :n") as caught:
        operations(candidate, _defaults(tmp_path / "workload"))
    assert caught.value.checked == ("parameters: none",)
    assert "a space after the colon" in caught.value.remedies[1]


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("hashed", OWN, []),
        ("hashed", "", ["override it: `-- name: refresh` in {usage}/hashed.sql"]),
        ("baseline", OWN, []),
        (
            "baseline",
            "",
            [
                "fix 'refresh' in {workload}/operations.sql, which is written for the baseline",
                "fix the schema in {usage}/baseline.sql",
            ],
        ),
    ],
)
def test_what_to_do_about_refused_sql_depends_on_whose_it_is(
    tmp_path: Path, name: str, more: str, expected: list[str]
) -> None:
    defaults = _defaults(tmp_path / "workload")
    found = find(_write(tmp_path / "usage", **{"baseline": TABLE, name: TABLE + more}))[name]
    statement = operations(found, defaults)["refresh"].statements[0].text

    assert remedies(found, statement, "refresh") == [
        one.format(usage=tmp_path / "usage", workload=tmp_path / "workload") for one in expected
    ]
