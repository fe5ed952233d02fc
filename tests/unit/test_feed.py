"""Feeds: generated or replayed, streamed, with bad lines counted and files that are none refused."""

import gzip
import os
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import made_up
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench import Call
from schemabench.errors import UsageError, WorkloadError
from schemabench.experiment.burst import make
from schemabench.experiment.feed import Feed, check_inputs
from schemabench.experiment.lines import LINE_LIMIT_BYTES
from schemabench.workload import Found

LINES = b"key,value\nkey 1,1\nkey 2,2\n\nkey 3,3\n"


@pytest.fixture
def found(tmp_path: Path) -> Found:
    return made_up.found(tmp_path)


def _write(folder: Path, content: bytes, name: str = "input.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _values(feed: Feed, number: int) -> list[object]:
    return [(call.values["key"], call.values["value"]) for call in feed.take("stream", 0, number)]


def _refused(found: Found, path: Path, key: str = "made_up") -> UsageError:
    with pytest.raises(UsageError) as caught:
        check_inputs(found, {"made_up": path} | {key: path})
    return caught.value


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_replayed_line_by_line_plain_or_gzip(found: Found, tmp_path: Path, packed: bool) -> None:  # noqa: FBT001 (drawn)
    path = _write(tmp_path, gzip.compress(LINES) if packed else LINES)
    feed = Feed(found, made_up.Sizes(), 1, {"made_up": path})

    assert _values(feed, 2) == [("key 1", 1), ("key 2", 2)]
    assert _values(feed, 1) == [("key 3", 3)]
    assert feed.cycles == 1


def test_at_its_end_the_file_begins_again_in_a_new_cycle(found: Found, tmp_path: Path) -> None:
    feed = Feed(found, made_up.Sizes(), 1, {"made_up": _write(tmp_path, LINES)})

    assert _values(feed, 7) == [
        ("key 1", 1),
        ("key 2", 2),
        ("key 3", 3),
        ("key 1", 1001),
        ("key 2", 1002),
        ("key 3", 1003),
        ("key 1", 2001),
    ]
    assert feed.cycles == 3


def test_only_the_replayed_writer_reads_the_file(found: Found, tmp_path: Path) -> None:
    feed = Feed(found, made_up.Sizes(), 1, {"made_up": _write(tmp_path, LINES)})

    assert {call.operation for call in feed.take("reader", 0, 9)} == {"look"}
    assert feed.cycles == 0


def test_without_a_file_nothing_is_replayed(found: Found) -> None:
    feed = Feed(found, made_up.Sizes(), 1, {})

    assert len(feed.take("stream", 0, 9)) == 9
    assert feed.cycles == 0


def test_another_input_is_handed_to_the_replay(found: Found, tmp_path: Path) -> None:
    inputs = {"made_up": _write(tmp_path, LINES), "made_up.excluded": _write(tmp_path, b"key 1\r\nkey 3\n", "other")}
    feed = Feed(found, made_up.Sizes(), 1, inputs)

    assert _values(feed, 2) == [("key 2", 2), ("key 2", 1002)]
    assert [one.good for one in check_inputs(found, inputs)] == [3, 2]


def test_bad_lines_of_another_input_are_counted_and_left_out_too(found: Found, tmp_path: Path) -> None:
    inputs = {
        "made_up": _write(tmp_path, LINES),
        "made_up.excluded": _write(tmp_path, b"key 1\nkey,2\nkey 3\n", "other"),
    }

    assert [(one.good, one.bad) for one in check_inputs(found, inputs)] == [(3, 0), (2, 1)]
    assert _values(Feed(found, made_up.Sizes(), 1, inputs), 1) == [("key 2", 2)]


def test_a_replay_that_makes_no_call_of_its_file_is_refused(found: Found, tmp_path: Path) -> None:
    inputs = {"made_up": _write(tmp_path, b"key 1,1\n"), "made_up.excluded": _write(tmp_path, b"key 1\n", "other")}

    with pytest.raises(WorkloadError, match="The replay of 'made_up' yields no calls from its file"):
        Feed(found, made_up.Sizes(), 1, inputs).take("stream", 0, 1)


def test_bad_lines_are_counted_and_the_first_are_shown(found: Found, tmp_path: Path) -> None:
    lines = b"key,value\na,1\nb\nc,x\n\xff\xfe,3\nd,y\ne,5\n"
    path = _write(tmp_path, lines)
    (checked,) = check_inputs(found, {"made_up": path})

    assert (checked.good, checked.bad) == (2, 4)
    assert [line.number for line in checked.first_bad] == [3, 4, 5]
    (notice,) = checked.notices
    assert notice.code == "bad-lines"
    assert "input.csv: 4 of 6 lines skipped: line 3: 'b': '' is not a number; line 4: 'c,x'" in notice.text
    assert "byte 0 is not UTF-8" in notice.text
    assert _values(Feed(found, made_up.Sizes(), 1, {"made_up": path}), 2) == [("a", 1), ("e", 5)]


def test_a_file_of_good_lines_needs_no_notice(found: Found, tmp_path: Path) -> None:
    (checked,) = check_inputs(found, {"made_up": _write(tmp_path, LINES)})

    assert checked.notices == ()


def test_a_file_is_checked_once_unless_it_changes(tmp_path: Path) -> None:
    parsed: list[str] = []
    replay = made_up.Replay(
        writer="stream", columns="", parse=lambda line: parsed.append(line) or 1, calls=made_up.replayed
    )
    found, path = made_up.found(tmp_path, replay=replay), _write(tmp_path, LINES)
    checked = [check_inputs(found, {"made_up": path}) for _ in range(2)]
    once = len(parsed)
    _write(tmp_path, LINES + b"key 4,4\n")

    assert checked[0] == checked[1]
    assert once == 5
    assert check_inputs(found, {"made_up": path})[0].good == 6


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_end_as_they_do_anywhere(found: Found, tmp_path: Path, end: bytes) -> None:
    path = _write(tmp_path, end.join([b"key,value", b"a,1", b"b,2"]))

    assert _values(Feed(found, made_up.Sizes(), 1, {"made_up": path}), 2) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"key,value\n", gzip.compress(b"")], ids=["empty", "blank", "header", "gzip"]
)
def test_a_file_without_a_line_is_refused(found: Found, tmp_path: Path, content: bytes) -> None:
    error = _refused(found, _write(tmp_path, content))

    assert error.what.endswith("is empty")
    assert error.remedies == ("use a file of this form: key,value",)


def test_a_file_without_a_good_line_is_refused_with_the_first_bad_ones(found: Found, tmp_path: Path) -> None:
    error = _refused(found, _write(tmp_path, b"a\nb\nc\nd\n"))

    assert error.what.endswith("has no usable line")
    assert error.checked[0] == "line 1: 'a': '' is not a number"
    assert len(error.checked) == 3


@pytest.mark.parametrize(
    "content", [b"a,1\nb\0c,2\n", "a,1\n".encode("utf-16"), b"x" * (LINE_LIMIT_BYTES + 5), bytes(range(256)) * 9]
)
def test_a_binary_file_is_refused(found: Found, tmp_path: Path, content: bytes) -> None:
    for packed in (content, gzip.compress(content)):
        assert "is binary: line" in _refused(found, _write(tmp_path, packed)).what


def test_a_file_that_is_not_there_is_refused(found: Found, tmp_path: Path) -> None:
    assert "Cannot read" in _refused(found, tmp_path / "absent.csv").what
    assert "No such file" in _refused(found, tmp_path / "absent.csv").what
    assert "Is a directory" in _refused(found, tmp_path).what


def test_a_pipe_is_refused_before_anybody_waits_for_it(found: Found, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    error = _refused(found, tmp_path / "pipe")

    assert "is a pipe, which can be read only once" in error.what
    assert error.remedies == ("write it into a file first, plain or gzip",)


def test_gzip_that_is_cut_short_anywhere_is_refused(found: Found, tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b"key %d,%d\n" % (number, number) for number in range(200)))

    for length in range(len(whole)):
        error = _refused(found, _write(tmp_path, whole[:length]))
        if length >= 2:
            assert f"is a gzip file that ends early, at byte {length}" in error.what
    assert check_inputs(found, {"made_up": _write(tmp_path, whole)})[0].good == 200


def test_plain_text_that_is_cut_short_is_what_is_left_of_it(found: Found, tmp_path: Path) -> None:
    for length in range(len("key,value\nkey 1,1"), len(LINES)):
        (checked,) = check_inputs(found, {"made_up": _write(tmp_path, LINES[:length])})
        assert 1 <= checked.good <= 3


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_bring_it_down(tmp_path_factory: pytest.TempPathFactory, content: bytes, packed: bool) -> None:  # noqa: FBT001 (drawn)
    folder = tmp_path_factory.getbasetemp()
    path = _write(folder, gzip.compress(content)[:-1] + b"x" if packed else content)
    try:
        (checked,) = check_inputs(made_up.found(folder), {"made_up": path})
    except UsageError as error:
        assert path.name in error.what  # noqa: PT017 (both ends are right)
    else:
        assert checked.good > 0


def test_damaged_gzip_is_refused(found: Found, tmp_path: Path) -> None:
    members = [gzip.compress(LINES * 50), b"\0" * 5, gzip.compress(LINES)]
    intact = check_inputs(found, {"made_up": _write(tmp_path, b"".join(members))})
    crc = len(members[0]) - 8
    whole = bytearray(b"".join(members))
    whole[crc] ^= 0xFF
    garbage = b"".join([*members[:1], b"garbage"])

    assert intact[0].bad == 0
    # the checksum has four bytes, and the length four more
    assert re.search(
        rf"is a gzip file that is corrupt at byte {crc + 3} of {len(whole)}, after line \d+: ",
        _refused(found, _write(tmp_path, bytes(whole))).what,
    )
    assert f"is corrupt at byte {len(members[0]) + 1} of" in _refused(found, _write(tmp_path, garbage)).what


def test_damage_far_into_a_file_has_its_byte(found: Found, tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(Random(1).randbytes(300_000).hex().encode() + b"\n", mtime=0))  # noqa: S311 (reproducible)
    whole[-8] ^= 0xFF

    assert (
        f"is corrupt at byte {len(whole) - 5:,} of {len(whole):,}"
        in _refused(found, _write(tmp_path, bytes(whole))).what
    )


def test_an_input_that_the_workload_does_not_take_is_refused_with_the_nearest(found: Found, tmp_path: Path) -> None:
    error = _refused(found, _write(tmp_path, LINES), "made_up.exclude")

    assert error.what == "The workload 'made_up' takes no input 'made_up.exclude'; did you mean 'made_up.excluded'?"
    assert error.checked == ("inputs: made_up, made_up.excluded",)


def test_a_workload_without_a_replay_takes_no_input(tmp_path: Path) -> None:
    error = _refused(made_up.found(tmp_path, replay=None), _write(tmp_path, LINES))

    assert error.what == "The workload 'made_up' takes no input 'made_up'"
    assert error.checked == ("inputs: none",)


def test_another_input_alone_is_refused(found: Found, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"made_up\.excluded needs --replay made_up=PATH as well"):
        check_inputs(found, {"made_up.excluded": _write(tmp_path, LINES)})


def test_a_parser_that_fails_is_its_authors_fault_and_names_the_line(tmp_path: Path) -> None:
    def parse(line: str) -> int:
        return int(line)

    replay = made_up.Replay(writer="stream", columns="a number", parse=parse, calls=made_up.replayed)
    with pytest.raises(WorkloadError, match=r"Parsing line 2 of .*input.csv failed: ValueError") as caught:
        check_inputs(made_up.found(tmp_path, replay=replay), {"made_up": _write(tmp_path, b"1\nx\n")})
    assert "BadLineError" in caught.value.remedies[0]


def test_a_large_file_is_never_held_in_memory(found: Found, tmp_path: Path) -> None:
    path, size = tmp_path / "large.csv.gz", 0
    with gzip.open(path, "wb", compresslevel=1) as file:
        for number in range(20_000):
            size += file.write(b"key %d,%s1\n" % (number, b"0" * 300))

    inputs = {"made_up": path}
    tracemalloc.start()
    try:
        assert check_inputs(found, inputs)[0].good == 20_000
        feed = Feed(found, made_up.Sizes(), 1, inputs)
        for _ in range(100):
            assert len(feed.take("stream", 0, 100)) == 100
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size > 6_000_000
    assert peak < 2_000_000


def test_calls_are_made_of_a_stream_that_does_not_end(tmp_path: Path) -> None:
    def endless(*_: object) -> Iterator[made_up.Call]:
        while True:
            yield made_up.add("a", 1)

    replay = made_up.Replay(writer="stream", columns="", parse=str, calls=endless)
    feed = Feed(made_up.found(tmp_path, replay=replay), made_up.Sizes(), 1, {"made_up": _write(tmp_path, LINES)})

    assert len(feed.take("stream", 0, 5000)) == 5000
    assert len(feed.take("stream", 1, 5000)) == 5000
    assert feed.cycles == 1


def test_the_background_is_the_same_for_each_candidate(tmp_path: Path) -> None:
    found = made_up.found(tmp_path, background=lambda _, random: (made_up.add("a", random.random()) for _ in range(3)))
    first, second = (list(Feed(found, made_up.Sizes(), 1, {}).background()) for _ in range(2))

    assert first == second
    assert list(Feed(found, made_up.Sizes(), 2, {}).background()) != first


def _timed(found: Found, every_s: float, together: int) -> Found:
    """Return a workload whose file says when calls are due: so many at a time are one transaction."""
    replay = found.workload.replay
    assert replay

    def calls(sizes: made_up.Sizes, parsed: Iterator[Any], others: Any, cycle: int) -> Iterator[Call]:  # noqa: ANN401 (as an author has them)
        for place, call in enumerate(replay.calls(sizes, parsed, others, cycle)):
            name = f"{cycle} {place // together}" if together > 1 else ""
            yield call._replace(at_s=(cycle * 3 + place // together) * every_s, transaction=name, key="a")

    timed = replace(replay, calls=calls, timed=True)
    return replace(found, workload=replace(found.workload, replay=timed))


def test_calls_of_one_transaction_are_of_one_burst(found: Found, tmp_path: Path) -> None:
    feed = Feed(_timed(found, 1.0, 2), made_up.Sizes(), 1, {"made_up": _write(tmp_path, LINES)})

    names = [[call.transaction for call in feed.take("stream", 0, 1)] for _ in range(3)]

    assert names == [["0 0", "0 0"], ["0 1"], ["1 0", "1 0"]]


def test_a_file_that_says_when_calls_are_due_is_taken_by_time_from_its_start(found: Found, tmp_path: Path) -> None:
    feed = Feed(_timed(found, 1.0, 1), made_up.Sizes(), 1, {"made_up": _write(tmp_path, LINES)})
    feed.take("stream", 0, 2)

    assert feed.is_timed("stream")
    assert [call.at_s for call in feed.due_within("stream", 4.0)] == [3.0, 4.0, 5.0, 6.0]
    assert [call.at_s for call in feed.take("stream", 0, 1)] == [7.0]


def test_calls_of_a_transaction_of_a_timed_file_are_due_with_its_first(found: Found, tmp_path: Path) -> None:
    feed = Feed(_timed(found, 1.0, 1), made_up.Sizes(), 1, {"made_up": _write(tmp_path, LINES)})
    replay = feed._found.workload.replay
    assert replay
    named = replace(
        replay, calls=lambda *given: (one._replace(transaction=f"{given[3]}") for one in replay.calls(*given))
    )
    feed._found = replace(feed._found, workload=replace(feed._found.workload, replay=named))

    pace = make(feed, [(made_up.STREAM, 1)], 0, 1, 6.0).pace

    assert pace is not None
    assert list(pace.due_s) == [0.0, 0.0, 0.0, 3.0, 3.0, 3.0], "each time that the file is read is a transaction"


@pytest.mark.parametrize("goes_on", [False, True])
def test_times_that_begin_anew_with_each_cycle_of_a_file_follow_those_of_the_one_before(
    found: Found, tmp_path: Path, *, goes_on: bool
) -> None:
    def calls(*given: Any) -> Iterator[Call]:  # noqa: ANN401 (a replay's)
        for place, call in enumerate(made_up.replayed(*given)):
            yield call._replace(at_s=100.0 + place)

    replay = replace(made_up.REPLAY, calls=calls, timed=True)
    anew = replace(found, workload=replace(found.workload, replay=replay))
    feed = Feed(anew, made_up.Sizes(), 1, {"made_up": _write(tmp_path, LINES)}, goes_on=goes_on)
    longest = [call.at_s for call in feed.due_within("stream", 9.5)]
    due_s = [call.at_s for _ in range(9) for call in feed.due_within("stream", 2.0)] if goes_on else longest

    assert feed.cycles > 2
    assert longest[:7] == [100.0, 101.0, 102.0, 102.0, 103.0, 104.0, 104.0], "three lines of it are usable"
    assert due_s == sorted(due_s)


def test_a_timed_file_whose_calls_are_all_due_at_once_is_refused(found: Found, tmp_path: Path) -> None:
    replay = found.workload.replay
    assert replay
    at_once = replace(replay, timed=True, calls=lambda *given: (one._replace(at_s=7.0) for one in replay.calls(*given)))
    feed = Feed(
        replace(found, workload=replace(found.workload, replay=at_once)),
        made_up.Sizes(),
        1,
        {"made_up": _write(tmp_path, LINES)},
    )

    with pytest.raises(WorkloadError, match="is timed, and all of its calls are due at once"):
        feed.due_within("stream", 9.5)


def test_a_file_that_says_when_calls_are_due_goes_on_where_the_last_burst_ended(found: Found, tmp_path: Path) -> None:
    inputs = {"made_up": _write(tmp_path, LINES)}
    feed, other = (Feed(_timed(found, 1.0, 1), made_up.Sizes(), 1, inputs, goes_on=True) for _ in range(2))
    turns = [[call.at_s for call in feed.due_within("stream", 2.0)] for _ in range(3)]

    assert turns == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert [[call.at_s for call in other.due_within("stream", 2.0)] for _ in range(3)] == turns
    assert list(make(feed, [(made_up.STREAM, 1)], 0, 1, 2.0).pace.due_s) == [0.0, 1.0]  # type: ignore[union-attr]
