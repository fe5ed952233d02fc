"""Replayed folders: each file is of one period, and what is missing, damaged or named otherwise is told."""

import gzip
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import made_up
import pytest

from schemabench import Call, FileSeries, parsing
from schemabench.errors import UsageError
from schemabench.experiment.feed import Feed, check_inputs
from schemabench.experiment.folders import Folder, inputs
from schemabench.workload import Found

NAMES = "visits-20160901-{hour:02}0000"


def replayed(
    sizes: made_up.Sizes,
    rows: Iterator[tuple[str, int]],
    others: Mapping[str, Sequence[str]],
    cycle: int,
    time: datetime,
) -> Iterator[Call]:
    """Yield a call for each line, whose key tells the file."""
    for call in made_up.replayed(sizes, rows, others, cycle):
        yield made_up.add(f"{time:%dT%H} {call.values['key']}", call.values["value"])


SERIES = FileSeries(named="visits-%Y%m%d-%H0000", every=timedelta(hours=1), latest=3, calls=replayed)


@pytest.fixture
def found(tmp_path: Path) -> Found:
    return made_up.found(tmp_path, replay=replace(made_up.REPLAY, series=SERIES))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder of five hours, plain and packed, of which one is in a subfolder."""
    path = tmp_path / "visits"
    for hour in (0, 1, 3, 4, 5):
        named = path / ("2016/2016-09" if hour == 3 else "") / NAMES.format(hour=hour)
        named.parent.mkdir(parents=True, exist_ok=True)
        content = f"key {hour},{hour}\n".encode()
        if hour % 2:
            named.with_name(f"{named.name}.gz").write_bytes(gzip.compress(content))
        else:
            named.write_bytes(content)
    return path


def chosen(found: Found, path: Path, given: str = "") -> Folder:
    ranges = [parsing.replay_range(f"made_up={given}")] if given else []
    folder = inputs(found, [("made_up", path), ("usage", Path("daily.csv"))], ranges)["made_up"]
    assert isinstance(folder, Folder)
    return folder


def hours(folder: Folder) -> list[int]:
    return [file.time.hour for file in folder.files]


def refused(found: Found, path: Path, given: str = "") -> UsageError:
    with pytest.raises(UsageError) as caught:
        check_inputs(found, {"made_up": chosen(found, path, given)})
    return caught.value


def test_files_are_replayed_in_order_of_time_each_with_its_own(found: Found, folder: Path) -> None:
    feed = Feed(found, made_up.Sizes(), 1, {"made_up": chosen(found, folder, "last-9")})
    keys = [call.key for call in feed.take("stream", 0, 5)]

    assert keys == [f"01T{hour:02} key {hour}" for hour in (0, 1, 3, 4, 5)]
    assert feed.cycles == 1


def test_after_the_last_file_the_first_comes_again_in_a_new_cycle(found: Found, folder: Path) -> None:
    feed = Feed(found, made_up.Sizes(), 1, {"made_up": chosen(found, folder, "2016-09-01T00..2016-09-01T01")})
    calls = [(call.key, call.values["value"]) for call in feed.take("stream", 0, 5)]

    assert [key for key, _ in calls] == [f"01T{hour:02} key {hour}" for hour in (0, 1, 0, 1, 0)]
    assert [value for _, value in calls] == [0, 1, 1000, 1001, 2000]
    assert feed.cycles == 3


def test_by_default_the_latest_are_replayed(found: Found, folder: Path) -> None:
    assert hours(chosen(found, folder)) == [3, 4, 5]
    assert hours(chosen(found, folder, "last-1")) == [5]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2016-09-01", [0, 1, 3, 4, 5]),
        ("2016-09-01T01", [1]),
        ("2016-09-01T01..2016-09-01T04", [1, 3, 4]),
        ("2016-09-01T04..2016-09-02", [4, 5]),
        ("2016-08-01..2016-09-01T00", [0]),
    ],
)
def test_a_range_is_of_dates_or_hours_and_both_ends_are_in_it(
    found: Found, folder: Path, given: str, expected: list[int]
) -> None:
    assert hours(chosen(found, folder, given)) == expected


def test_hours_that_are_missing_in_the_range_are_told_by_name(found: Found, folder: Path) -> None:
    (notice,) = chosen(found, folder, "2016-09-01T01..2016-09-01T06").notices

    assert notice.code == "missing-files"
    assert notice.text == ("visits: missing in the range: visits-20160901-020000, visits-20160901-060000")


def test_many_missing_hours_are_counted(found: Found, folder: Path) -> None:
    (notice,) = chosen(found, folder, "1999-01-01..9999-01-01").notices

    assert "missing in the range: visits-19990101-000000, " in notice.text
    assert notice.text.endswith(", visits-19990101-090000 and 70,126,569 more")


def test_the_latest_lack_nothing_before_the_first_file(found: Found, folder: Path) -> None:
    (notice,) = chosen(found, folder, "last-1000").notices

    assert notice.text == "visits: missing in the range: visits-20160901-020000"
    assert chosen(found, folder).notices == ()


def test_files_of_other_names_are_told(found: Found, folder: Path) -> None:
    (folder / "2016" / "README.txt").write_text("what this is")
    (folder / "visits-20160931-000000.gz").write_bytes(b"")  # no such day
    (notice,) = chosen(found, folder).notices

    assert notice.code == "files-left-out"
    assert notice.text == (
        "visits: left out, because not named as visits-20160901-010000 or "
        "visits-20160901-010000.gz: 2016/README.txt, visits-20160931-000000.gz"
    )


def test_a_damaged_file_in_the_range_is_refused_with_its_byte_and_one_outside_is_not_read(
    found: Found, folder: Path
) -> None:
    path = folder / "visits-20160901-050000.gz"
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    error = refused(found, folder)

    assert error.what.startswith(f"{path} is a gzip file that ends early, at byte {len(content) - 3}, after line 1: ")
    assert check_inputs(found, {"made_up": chosen(found, folder, "2016-09-01T00..2016-09-01T04")})[0].good == 4


def test_an_empty_file_in_the_range_is_refused(found: Found, folder: Path) -> None:
    path = folder / NAMES.format(hour=4)
    path.write_bytes(b"\n")

    assert refused(found, folder).what == f"{path} is empty"


def test_bad_lines_tell_of_which_file_they_are(found: Found, folder: Path) -> None:
    (folder / NAMES.format(hour=4)).write_bytes(b"key 4\nkey 4,4\n")
    (checked,) = check_inputs(found, {"made_up": chosen(found, folder)})

    assert (checked.good, checked.bad) == (3, 1)
    assert checked.notices[-1].text == (
        "visits: 1 of 4 lines skipped: visits-20160901-040000 line 1: 'key 4': '' is not a number"
    )


def test_two_files_of_one_hour_are_refused(found: Found, folder: Path) -> None:
    (folder / "2016" / NAMES.format(hour=4)).write_bytes(b"key 4,4\n")

    assert "has two files of one period: " in refused(found, folder).what


def test_a_range_without_files_is_refused_with_what_there_is(found: Found, folder: Path) -> None:
    error = refused(found, folder, "2016-09-02")

    assert error.what == f"{folder} has no file from 2016-09-02 00:00:00 to 2016-09-03 00:00:00"
    assert error.checked == ("5 files, from visits-20160901-000000 to visits-20160901-050000.gz",)


def test_a_folder_without_such_files_is_refused_with_what_is_there(found: Found, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "visits.csv").write_text("key,value\n")
    error = refused(found, tmp_path / "other")

    assert "has no file that is named as visits-20160901-010000 or visits-20160901-010000.gz" in error.what
    assert error.checked == ("files there: visits.csv",)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may search any folder")
def test_a_folder_that_cannot_be_searched_is_told(found: Found, folder: Path) -> None:
    (folder / "2016").chmod(0)
    error = refused(found, folder)
    (folder / "2016").chmod(0o700)

    assert error.what == f"Cannot search {folder / '2016'}: Permission denied"


def test_a_range_of_a_single_file_is_refused(found: Found, folder: Path) -> None:
    path = folder / NAMES.format(hour=4)
    with pytest.raises(UsageError, match=r"--replay-range made_up=\.\.\. is for a folder whose files tell their times"):
        chosen(found, path, "last-3")


def test_a_workload_without_a_series_reads_a_single_file_only(tmp_path: Path, folder: Path) -> None:
    alone = made_up.found(tmp_path)

    assert inputs(alone, [("made_up", folder)], []) == {"made_up": folder}
    with pytest.raises(UsageError, match="Is a directory"):
        check_inputs(alone, {"made_up": folder})


def test_what_is_replayed_decides_with_what_a_run_can_be_compared(found: Found, folder: Path, tmp_path: Path) -> None:
    plan = replace(made_up.plan(tmp_path), found=found)
    digests = {
        replace(plan, inputs={"made_up": chosen(found, folder, given)}).digest
        for given in ("", "last-3", "last-2", "2016-09-01T03..2016-09-01T05")
    }
    (folder / NAMES.format(hour=4)).write_bytes(b"key 4,5\n")

    assert len(digests) == 2
    assert replace(plan, inputs={"made_up": chosen(found, folder)}).digest not in digests
    assert chosen(found, folder).name == "visits, 3 files from visits-20160901-030000.gz to visits-20160901-050000.gz"
