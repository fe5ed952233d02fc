"""Run files and reports on disk: read what was written, and say what is wrong with what was not."""

import json
import os
from dataclasses import replace
from pathlib import Path

import golden_file
import pytest
from drawn import markdown
from fixed_run import BENCHMARK_JSON, RUN
from hypothesis import given
from hypothesis import strategies as st

from schemabench import cardinality, cli, placing, report
from schemabench.errors import UsageError
from schemabench.records import FORMAT, from_builtins, to_builtins


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    report.write_json(BENCHMARK_JSON, RUN, path)
    return path


def edited(path: Path, **changes: object) -> Path:
    content = json.loads(path.read_text())
    content["schemabench"] |= changes
    path.write_text(json.dumps(content))
    return path


def test_run_file_looks_like_its_golden_file(run_file: Path) -> None:
    golden_file.check("run.json", run_file.read_text())


def test_run_file_is_read_as_it_was_written(run_file: Path) -> None:
    assert report.read(run_file) == RUN


@given(st.text(), st.floats(allow_nan=False), st.dictionaries(st.text(), st.integers()))
def test_run_survives_json_whatever_its_texts_and_figures(text: str, figure: float, values: dict[str, int]) -> None:
    experiment = replace(RUN.experiments[0], summary=text, elapsed_s=figure, values=values)
    run = replace(RUN, experiments=(experiment,))
    assert from_builtins(json.loads(json.dumps(to_builtins(run)))) == run


def test_run_file_of_the_first_format_is_read_and_drawn_with_the_settings_of_its_server(run_file: Path) -> None:
    experiments = json.loads(run_file.read_text())["schemabench"]["experiments"]
    for one in experiments:
        del one["settings"]
    run = report.read(edited(run_file, format=1, experiments=experiments))
    assert run.experiments[0].settings == ()
    drawn = markdown(run)
    assert drawn.count("| `shared_buffers` | `8GB`   | configuration file |") == len(experiments)
    assert "Settings of the writers' sessions" not in drawn


def test_run_file_keeps_what_pytest_benchmark_wrote(run_file: Path) -> None:
    content = json.loads(run_file.read_text())
    assert content.pop("schemabench")
    assert content == BENCHMARK_JSON


def test_report_is_drawn_from_the_run_file_alone(run_file: Path, tmp_path: Path) -> None:
    report.write(report.read(run_file), tmp_path / "new" / "folder" / "report.md")
    assert (tmp_path / "new" / "folder" / "report.md").read_text() == markdown(RUN)


def test_report_replaces_the_one_before_and_leaves_nothing_else(tmp_path: Path) -> None:
    for _ in range(2):
        report.write(RUN, tmp_path / "report.md")
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_summary_of_a_step_keeps_what_others_wrote(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("# Tests\n")
    report.append(RUN, path)
    assert path.read_text() == f"# Tests\n\n{markdown(RUN)}"


def test_summary_of_a_step_that_would_not_be_shown_is_made_short(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("x" * (1024 * 1024 - 10_000))
    report.append(RUN, path)
    assert path.read_text().endswith(f"```\n{report.terminal(RUN)}\n```\n")


def test_summary_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        report.append(RUN, tmp_path)


def test_unknown_suffix_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No report format for \.pdf(.|\n)*end the path in \.html, \.md or \.csv"):
        report.write(RUN, tmp_path / "report.pdf")


@pytest.mark.parametrize("place", ["taken/report.md", "folder.md"])
def test_path_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").write_text("a file where a folder is needed")
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(UsageError, match="cannot be written: ") as caught:
        report.write(RUN, tmp_path / place)
    assert place in caught.value.what
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.md", "taken"]


def test_run_file_that_the_system_refuses_to_look_for_is_an_error_that_names_it(tmp_path: Path) -> None:
    endless = tmp_path / ("x" * 300 + ".json")
    with pytest.raises(UsageError, match=r"x\.json cannot be read: File name too long"):
        report.read(*report.find([endless]))


def test_absent_run_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no run file .*absent\.json"):
        report.read(tmp_path / "absent.json")


def test_folder_is_no_run_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        report.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1f\x8b\x08\x00", b"{", b"[" * 200_000, b"# Ranking"],
    ids=["empty", "gzip", "cut", "deep", "text"],
)
def test_file_that_is_not_json_is_an_error_that_says_where(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"run\.json is not JSON: "):
        report.read(path)


@pytest.mark.parametrize("content", [BENCHMARK_JSON, [], None, "schemabench"])
def test_json_of_something_else_is_an_error_that_says_what_is_missing(tmp_path: Path, content: object) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="it has no key 'schemabench'"):
        report.read(path)


def test_newer_format_asks_for_an_upgrade(run_file: Path) -> None:
    with pytest.raises(UsageError, match=rf"has format {FORMAT + 1}, newer than {FORMAT}(.|\n)*upgrade schemabench"):
        report.read(edited(run_file, format=FORMAT + 1, version="9.0"))


def test_older_format_names_the_version_that_reads_it(run_file: Path) -> None:
    with pytest.raises(UsageError, match=r"format 0, older(.|\n)*written by schemabench 0\.0\.1"):
        report.read(edited(run_file, format=0, version="0.0.1"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"run_id": 5}, r"at `\$\.run_id`; found 5"),
        ({"experiments": [{"workload": 1}]}, r"at `\$\.experiments\[0\]\.workload`; found 1"),
        ({"machine": {"cores": 8}}, r"at `\$\.machine\[\.\.\.\]`"),
        ({"format": "1"}, r"at `\$\.format`; found '1'"),
        ({"command": None}, r"at `\$\.command`; found None"),
    ],
)
def test_malformed_run_is_an_error_that_says_where_and_what(
    run_file: Path, changes: dict[str, object], expected: str
) -> None:
    with pytest.raises(UsageError, match=expected) as caught:
        report.read(edited(run_file, **changes))
    assert str(run_file) in caught.value.what


def test_run_that_is_no_object_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"schemabench": [1]}')
    with pytest.raises(UsageError, match="is malformed: Expected `object`, got `array`"):
        report.read(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link of another user's")
def test_a_report_in_a_shared_folder_does_not_follow_another_users_link(tmp_path: Path) -> None:
    precious, path = tmp_path / "precious", tmp_path / "run.md"
    precious.write_text("mine")
    path.symlink_to(precious)
    os.lchown(path, 12345, 12345)

    with pytest.raises(UsageError, match="it is a link that another user made"):
        report.check_writable(path)
    with pytest.raises(UsageError, match="it is a link that another user made"):
        report.write(RUN, path)
    assert precious.read_text() == "mine"


def test_a_report_is_written_under_no_name_that_could_be_foreseen(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / f".schemabench-{os.getpid()}.tmp").symlink_to(precious)

    report.write(RUN, tmp_path / "run.md")

    assert precious.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"precious", f".schemabench-{os.getpid()}.tmp", "run.md"}


def test_a_report_has_the_permissions_of_what_it_replaces_or_those_of_a_new_file(tmp_path: Path) -> None:
    old, new = tmp_path / "old.md", tmp_path / "new.md"
    old.touch(mode=0o600)
    before = os.umask(0o027)
    try:
        report.write(RUN, old)
        report.write(RUN, new)
    finally:
        os.umask(before)
    assert old.stat().st_mode & 0o777 == 0o600
    assert new.stat().st_mode & 0o777 == 0o640


def test_ones_own_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "latest.md").symlink_to(tmp_path / "run.md")
    report.write(RUN, tmp_path / "latest.md")
    assert (tmp_path / "run.md").is_file()
    assert (tmp_path / "latest.md").is_symlink()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Return a shared folder in which another user made a link to a folder of ours."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a link of another user's")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "a.md").write_text("mine")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "way").symlink_to(tmp_path / "ours")
    os.lchown(shared / "way", 12345, 12345)
    (shared / "mine").symlink_to("way")  # our own, which leads to theirs
    return shared


@pytest.mark.parametrize("way", ["way/a.md", "way/../ours/a.md", "mine/a.md", "way/new/a.md"])
def test_another_users_link_is_followed_nowhere_on_the_way(theirs: Path, way: str) -> None:
    for write in (
        report.check_writable,
        lambda path: report.write(RUN, path),
        lambda path: report.write_json({}, RUN, path),
        lambda path: report.append(RUN, path),
        lambda path: cardinality.write_whole(path, "theirs"),
    ):
        with pytest.raises(UsageError, match="it is a link that another user made"):
            write(theirs / way)
    assert [path.name for path in (theirs.parent / "ours").iterdir()] == ["a.md"]
    assert (theirs.parent / "ours" / "a.md").read_text() == "mine"


def test_a_starter_is_not_written_through_another_users_link(theirs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(theirs / "way" / "shop")]) == 2
    assert "it is a link that another user made" in capsys.readouterr().err
    assert [path.name for path in (theirs.parent / "ours").iterdir()] == ["a.md"]


def test_a_report_is_written_where_the_way_led_when_it_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user exchanges the folder for a link between the look and the writing."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "a.md").write_text("mine")
    (tmp_path / "way").mkdir()
    entered = placing._mode

    def exchanged(folder: int, name: str) -> int:
        (tmp_path / "way").rename(tmp_path / "moved")
        (tmp_path / "way").symlink_to(tmp_path / "ours")
        return entered(folder, name)

    monkeypatch.setattr(placing, "_mode", exchanged)
    report.write(RUN, tmp_path / "way" / "a.md")

    assert (tmp_path / "ours" / "a.md").read_text() == "mine"
    assert (tmp_path / "moved" / "a.md").is_file()


def test_a_pipe_is_refused_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.md")
    for write in (report.check_writable, lambda path: report.write(RUN, path), lambda path: report.append(RUN, path)):
        with pytest.raises(UsageError, match="it is not a file but a pipe"):
            write(tmp_path / "a.md")
    assert (tmp_path / "a.md").is_fifo()


def test_what_a_hard_link_leads_to_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("mine")
    (tmp_path / "a.md").hardlink_to(tmp_path / "ours")
    with pytest.raises(UsageError, match="it is a hard link"):
        report.append(RUN, tmp_path / "a.md")
    report.write(RUN, tmp_path / "a.md")
    assert (tmp_path / "ours").read_text() == "mine"


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to("b.md")
    (tmp_path / "b.md").symlink_to("a.md")
    with pytest.raises(UsageError, match="Too many levels of symbolic links"):
        report.write(RUN, tmp_path / "a.md")
