"""What a server's log says: statements with values, whatever the protocol, and what is damaged."""

import csv
import gzip
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from work import lines_executed

from schemabench.errors import UsageError
from schemabench.logs import Found, Request, Spool, messages, read
from schemabench.logs.shapes import Shapes
from schemabench.logs.values import array

HEAD = '2026-01-31 12:00:{at:06.3f} UTC,"app","shop",7,"::1:5","{session}",{number},"x",2026-01-31 11:00:00 UTC,3/1,0,'
TAIL = ',,,,,"{application}","client backend",,0'

NUMBERS = count(1)


def entry(  # noqa: PLR0913 (what an entry says)
    at: float, message: str, detail: str = "", *, session: str = "a.7", severity: str = "LOG", number: int = 0
) -> str:
    """Return an entry of csvlog; its number is the next one, unless one is given."""
    quoted = ['"' + one.replace('"', '""') + '"' if one else "" for one in (message, detail)]
    head = HEAD.format(at=at, session=session, number=number or next(NUMBERS))
    return f"{head}{severity},00000,{quoted[0]},{quoted[1]},,,,,{TAIL.format(application='shop')}\n"


def found(tmp_path: Path, *entries: str) -> tuple[Found, list[Request]]:
    """Return what is read of a log."""
    path = tmp_path / "log.csv"
    path.write_text("".join(entries))
    with Spool() as spool:
        result = read([path], "shop", spool)
        return result, [request for _, request in spool.in_order()]


def shaped(sql: str) -> tuple[str, list[str | None]]:
    """Return the text and the values of a statement with literals."""
    known = Shapes().of(sql, None)
    assert known
    return known[0].sql, known[1]


@pytest.mark.parametrize(
    ("sql", "text", "values"),
    [
        ("SELECT * FROM t WHERE a = 5 AND b = 'it''s'", "SELECT * FROM t WHERE a = $1 AND b = $2", ["5", "it's"]),
        ("SELECT * FROM t WHERE a = -5", "SELECT * FROM t WHERE a = $1", ["-5"]),
        ("UPDATE t SET a = a - 5", "UPDATE t SET a = a - $1", ["5"]),
        ("SELECT * FROM t WHERE a IN (1, 2)", "SELECT * FROM t WHERE a = ANY ($1)", ['{"1","2"}']),
        ("SELECT * FROM t WHERE a NOT IN ('x')", "SELECT * FROM t WHERE a <> ALL ($1)", ['{"x"}']),
        ("INSERT INTO t VALUES (NULL, true, 'x')", "INSERT INTO t VALUES ($1, $2, $3)", [None, "t", "x"]),
        ("SELECT a FROM t ORDER BY 1, 2 LIMIT 10", "SELECT a FROM t ORDER BY 1, 2 LIMIT $1", ["10"]),
        ("SELECT a::numeric(10, 2) FROM t", "SELECT a::numeric(10, 2) FROM t", []),
        ("SELECT * FROM t WHERE a > interval '1 day'", "SELECT * FROM t WHERE a > interval '1 day'", []),
        ("SELECT a, f(b) FROM t ORDER BY f(b), 2", "SELECT a, f(b) FROM t ORDER BY f(b), 2", []),
        ("SELECT a FROM t ORDER BY b[3], ARRAY[4, 5], 1", "SELECT a FROM t ORDER BY b[$1], ARRAY[$2, $3], 1", [*"345"]),
        ("SELECT a FROM t GROUP BY 1 EXCEPT SELECT 5, 6", "SELECT a FROM t GROUP BY 1 EXCEPT SELECT $1, $2", [*"56"]),
        ("SELECT count(*) FROM t WHERE a IN (SELECT b FROM u ORDER BY 1 LIMIT 3) AND c = 1", None, [*"31"]),
        ("SELECT CAST(a AS numeric(10, 2)), f(10, 2) FROM t", None, ["10", "2"]),
        (r"SELECT * FROM t WHERE a = E'x\'y'", "SELECT * FROM t WHERE a = $1", ["x'y"]),
        ("SELECT * FROM t WHERE a = $$x$$ -- no 5", "SELECT * FROM t WHERE a = $1", ["x"]),
        ("UPDATE t SET hash = '$2b$12$x' WHERE a = 7", "UPDATE t SET hash = $1 WHERE a = $2", ["$2b$12$x", "7"]),
        ("SELECT * FROM t1 WHERE c2 = 1.5e3;", "SELECT * FROM t1 WHERE c2 = $1", ["1.5e3"]),
    ],
)
def test_literals_become_values_where_they_are_values(sql: str, text: str | None, values: list[str | None]) -> None:
    found, known = shaped(sql)

    assert known == values
    assert text is None or found == text


LONG = {
    "array": "SELECT * FROM t WHERE a = ANY (ARRAY[{some}])",
    "arguments": "SELECT f({some})",
    "places": "SELECT a FROM t ORDER BY {some}",
    "rows": r"INSERT INTO t VALUES {rows}",
    "texts": r"SELECT f({texts})",
    "list": r"SELECT 1 FROM t WHERE a IN ({texts})",
    "comments": "SELECT 1 {comments}",
    "type": "SELECT a::numeric({some})",
}
"""Statements that an application writes its values into, as many as it has."""


def long_statement(form: str, number: int) -> str:
    """Return a statement with so many values."""
    return LONG[form].format(
        some=", ".join(["1"] * number),
        rows=", ".join([r"(E'\\', 1)"] * number),
        texts=", ".join([r"E'a\\'"] * number),
        comments="/* 1 */ -- \\\n" * number,
    )


@pytest.mark.parametrize("form", LONG)
def test_the_work_for_a_statement_grows_as_its_length(form: str) -> None:
    some, twice = (lines_executed(partial(Shapes().of, long_statement(form, number), None)) for number in (200, 400))

    assert twice <= 2.2 * some


@pytest.mark.parametrize(
    "sql", ["/* a */" * 60 + "(SELECT 1)", "--\n" * 60 + "(SELECT 1)", "/*" * 60, "BEGIN" + " a" * 60]
)
def test_what_stands_before_the_first_word_is_read_once(tmp_path: Path, sql: str) -> None:
    assert found(tmp_path, entry(1, f"duration: 1.0 ms  statement: {sql}"))[0].entries == 1  # or it would never end


def test_texts_that_differ_in_values_have_one_shape_however_they_are_found() -> None:
    shapes = Shapes()
    known = [
        shapes.of("SELECT * FROM t WHERE a = 7 AND b = 'x7' ORDER BY 1".replace("7", str(n)), None) for n in range(3)
    ]

    assert len(shapes.every) == 1
    assert [one and one[1] for one in known] == [[str(number), f"x{number}"] for number in range(3)]


def test_texts_that_differ_in_what_belongs_to_the_statement_have_shapes_of_their_own() -> None:
    shapes = Shapes()
    for place in (1, 2, 1):
        shapes.of("SELECT a, b FROM t WHERE a = 7 ORDER BY 1".replace("1", str(place)), None)

    assert len(shapes.every) == 2


def test_a_literal_that_many_calls_have_alike_belongs_to_the_statement() -> None:
    shapes = Shapes()
    for number in range(30):
        known = shapes.of("UPDATE t SET state = 'paid' WHERE id = 7".replace("7", str(number)), None)
        assert known
        known[0].note(known[1])

    assert shapes.every[0].fixed == {1: "paid"}


@pytest.mark.parametrize("place", [0, 15, 30])
def test_what_some_call_gave_as_a_parameter_is_a_parameter_whichever_call_came_first(place: int) -> None:
    calls: list[tuple[str, list[str | None] | None]] = [
        (f"UPDATE t SET state = 'paid' WHERE id = {number}", None)  # noqa: S608 (a text to be read)
        for number in range(30)
    ]
    calls.insert(place, ("UPDATE t SET state = $1 WHERE id = $2", ["paid", "7"]))
    shapes = Shapes()
    for sql, values in calls:
        known = shapes.of(sql, values)
        assert known
        known[0].note(known[1])

    assert [one.fixed for one in shapes.every] == [{}]


def test_parameters_of_a_list_become_one_array() -> None:
    known = Shapes().of("SELECT * FROM t WHERE a IN ($2, $3) AND b = $1", ["x", "1", None])

    assert known
    assert known[0].sql == "SELECT * FROM t WHERE a = ANY ($1) AND b = $2"
    assert known[1] == [array(["1", None]), "x"]


def test_parameters_are_read_whatever_they_hold() -> None:
    detail = "Parameters: $1 = 'a, $2 = ''b''', $2 = NULL, $3 = 'x\ny'"

    assert messages.parameters(detail) == ["a, $2 = 'b'", None, "x\ny"]
    assert messages.parameters(detail[:-1]) is None
    assert messages.parameters("unnamed portal") is None


def test_statements_are_read_from_their_durations(tmp_path: Path) -> None:
    result, requests = found(
        tmp_path,
        entry(1, "duration: 0.1 ms  parse <unnamed>: SELECT $1"),
        entry(1.5, "duration: 250.000 ms  execute <unnamed>: SELECT a FROM t WHERE a = $1", "parameters: $1 = '7'"),
    )

    ((one,),) = [request.parts for request in requests]
    assert one.values == ["7"]
    assert one.end_s - one.start_s == pytest.approx(0.25)
    assert result.untimed == 0


def test_statements_that_are_logged_before_they_are_done_take_the_next_duration(tmp_path: Path) -> None:
    _, requests = found(
        tmp_path,
        entry(1, "execute S_1: UPDATE t SET a = $1", "parameters: $1 = 'x'"),
        entry(1, "statement: SELECT 2", session="b.8"),
        entry(3, "duration: 2000.000 ms"),
        entry(4, "duration: 3000.000 ms", session="b.8"),
    )

    assert [(one.session, round(one.end_s - one.start_s, 3)) for one in requests] == [("a.7", 2.0), ("b.8", 3.0)]


def test_transactions_are_whole_and_what_is_undone_is_counted(tmp_path: Path) -> None:
    said = [
        *("BEGIN ISOLATION LEVEL SERIALIZABLE", "UPDATE t SET a = 1", "SAVEPOINT s", "UPDATE t SET a = 2"),
        *("ROLLBACK TO s", "UPDATE t SET a = 3", "COMMIT"),
        *("BEGIN", "DELETE FROM t", "ROLLBACK"),
        *("BEGIN", "DELETE FROM t"),
    ]
    result, requests = found(
        tmp_path, *(entry(at, f"duration: 1.000 ms  statement: {sql}") for at, sql in enumerate(said))
    )

    ((explicit, parts),) = [(one.explicit, one.parts) for one in requests]
    assert explicit
    assert [part.values for part in parts] == [["1"], ["3"]]
    assert {what: count for what, count in result.left_out.items() if count} == {
        "statements undone by ROLLBACK TO": 1,
        "statements of transactions that were rolled back": 1,
        "statements of transactions that the log does not end": 1,
    }
    assert result.levels["serializable"] == 1


def test_a_failed_transaction_is_left_out_though_it_was_committed(tmp_path: Path) -> None:
    result, requests = found(
        tmp_path,
        entry(1, "duration: 1.000 ms  statement: BEGIN"),
        entry(2, "duration: 1.000 ms  statement: UPDATE t SET a = 1"),
        entry(3, "division by zero", severity="ERROR"),
        entry(4, "duration: 1.000 ms  statement: COMMIT"),
    )

    assert requests == []
    assert result.left_out["statements that failed"] == 1


def test_several_statements_in_one_text_are_taken_apart(tmp_path: Path) -> None:
    _, requests = found(
        tmp_path, entry(1, "duration: 1.000 ms  statement: BEGIN; UPDATE t SET a = 'x;y'; DELETE FROM t; COMMIT")
    )

    ((explicit, parts),) = [(one.explicit, one.parts) for one in requests]
    assert explicit
    assert [part.values for part in parts] == [["x;y"], []]


def test_statements_without_their_values_are_counted(tmp_path: Path) -> None:
    result, requests = found(tmp_path, entry(1, "duration: 1.000 ms  execute <unnamed>: DELETE FROM t WHERE a = $1"))

    assert requests == []
    (what,) = (what for what, count in result.left_out.items() if count)
    assert "log_parameter_max_length = 0" in what


def test_values_that_end_in_dots_are_cut_off_only_if_none_is_longer(tmp_path: Path) -> None:
    statement = "duration: 1.000 ms  execute <unnamed>: DELETE FROM t WHERE a = $1"
    cut, _ = found(tmp_path, entry(1, statement, "parameters: $1 = 'abcd...'"))
    whole, _ = found(
        tmp_path,
        entry(1, statement, "parameters: $1 = 'abcd...'"),
        entry(2, statement, "parameters: $1 = 'abcdefghijkl'"),
    )

    assert (cut.truncated, whole.truncated) == (1, 0)


def test_a_record_that_was_cut_off_costs_no_other(tmp_path: Path) -> None:
    whole = entry(1, 'duration: 1.000 ms  statement: SELECT "a"\nFROM t')
    second, third = (entry(at, 'duration: 1.000 ms  statement: SELECT "a"\nFROM t') for at in (2, 3))
    result, requests = found(tmp_path, whole, whole[:150] + "\n", second, third, whole[:150])

    assert len(requests) == 3
    assert result.damage.broken == 2


def test_files_are_read_in_order_of_time_and_packed_ones_as_others(tmp_path: Path) -> None:
    paths = [tmp_path / "b.csv.gz", tmp_path / "a.csv"]
    paths[0].write_bytes(gzip.compress(entry(1, "duration: 1.000 ms  statement: BEGIN").encode()))
    paths[1].write_text(
        entry(2, "duration: 1.000 ms  statement: DELETE FROM t") + entry(3, "duration: 1.000 ms  statement: COMMIT")
    )
    with Spool() as spool:
        read(paths[::-1], "shop", spool)

        assert [one.explicit for _, one in spool.in_order()] == [True]


CHANGED = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
"""When clocks were put back from CEST to CET."""


def local(time: datetime, decimals: str = "") -> str:
    """Return what a clock showed."""
    hours, zone = (1, "CET") if time >= CHANGED else (2, "CEST")
    return f"{time + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}{decimals} {zone}"


def at(minute: float, begun: float, number: int = 0) -> str:
    """Return an entry that was written some minutes after the change, in a session that began then.

    Args:
        minute: When it was written.
        begun: When its session began.
        number: The number of the entry in its session; 0 for one that nothing is known of.
    """
    start = CHANGED + timedelta(minutes=begun)
    text = entry(
        0, "duration: 1.000 ms  statement: DELETE FROM t", session=f"{int(start.timestamp()):x}.7", number=number
    )
    text = text.replace("2026-01-31 12:00:00.000 UTC", local(CHANGED + timedelta(minutes=minute), ".000"))
    return text.replace("2026-01-31 11:00:00 UTC", local(start))


def minutes(tmp_path: Path, *files: list[str]) -> tuple[Found, list[float]]:
    """Read files; return when requests ended, in minutes since the first one."""
    paths = [tmp_path / f"{place}.csv" for place, _ in enumerate(files)]
    for path, some in zip(paths, files, strict=True):
        path.write_text("".join(some))
    with Spool() as spool:
        result = read(paths, "shop", spool)
        ends_s = [one.end_s for _, one in spool.in_order()]
    return result, [(one - ends_s[0]) / 60 for one in ends_s]


def test_times_go_on_when_the_clocks_are_changed(tmp_path: Path) -> None:
    before = [at(-10, -10), at(-1, -10)]
    after = [at(1, -10), at(6, 5), at(7, -10)]

    assert minutes(tmp_path, after, before)[1] == [0, 9, 11, 16, 17]


def test_what_a_session_of_one_file_tells_of_a_zone_holds_in_all(tmp_path: Path) -> None:
    before, changed, later = [at(-50, -55), at(-49, -55)], [at(30, -55)], [at(60, 59)]

    result, ends = minutes(tmp_path, later, changed, before)

    assert ends == [0, 1, 80, 110]
    assert not result.zones


def test_the_numbers_of_a_session_tell_the_order_of_files_where_their_clock_does_not(tmp_path: Path) -> None:
    before, after = [at(-20, -90, 7), at(-10, -90, 8)], [at(10, -90, 9), at(11, -90, 10)]

    result, ends = minutes(tmp_path, after, before)

    assert ends == [0, 10, 30, 31]
    assert list(result.zones) == ["CET"]
    assert not result.late


@pytest.mark.parametrize("pause", [7, 40, 110])
def test_a_pause_while_the_clocks_were_put_back_is_as_long_as_it_was(tmp_path: Path, pause: int) -> None:
    assert minutes(tmp_path, [at(-1, -90, 1), at(pause - 1, -90, 2)])[1] == [0, pause]


def test_zones_without_a_name_say_how_far_they_are_from_utc(tmp_path: Path) -> None:
    texts = [at(0, -90).replace("CET", zone) for zone in ("+01", "-05:30", "+00")]

    assert minutes(tmp_path, *([one] for one in texts))[1] == [0, 60, 390]


def test_files_whose_order_nobody_knows_cost_no_entry(tmp_path: Path) -> None:
    first, *others = [at(minute, -90, number) for number, minute in enumerate((1, 2, 3, 4), start=1)]
    jumped = [at(-100, -101, 1), first, others[2]]

    result, ends = minutes(tmp_path, jumped, others[:2])

    assert len(ends) == 5
    assert (result.late, result.repeated) == (2, 0)


def test_each_format_counts_the_entries_that_it_has(tmp_path: Path) -> None:
    texts = [entry(second, "duration: 1.000 ms  statement: DELETE FROM t", number=second) for second in range(1, 10)]
    both = [as_json(one, number=number) for number, one in enumerate(texts[3:], start=1)]  # it was switched on later
    (tmp_path / "a.csv").write_text("".join(texts[:6]))  # and this one off
    (tmp_path / "a.json").write_text("".join(both))
    for paths in (["a.csv", "a.json"], ["a.json", "a.csv"]):
        with Spool() as spool:
            result = read([tmp_path / path for path in paths], "shop", spool)

            assert len(spool) == len(texts)
        assert (result.entries, result.repeated, result.late) == (9, 3, 0)


def as_json(text: str, number: int) -> str:
    """Return an entry of csvlog as jsonlog has it."""
    (row,) = csv.reader([text])
    found = {
        "timestamp": row[0], "user": row[1], "dbname": row[2], "session_id": row[5], "line_num": number,
        "session_start": row[8], "error_severity": row[11], "message": row[13], "backend_type": row[23],
    }  # fmt: skip
    return json.dumps(found) + "\n"


def test_entries_that_several_files_have_count_once(tmp_path: Path) -> None:
    both = [entry(at, "duration: 1.000 ms  statement: DELETE FROM t", session="c.9") for at in (1, 2, 3)]
    paths = [tmp_path / name for name in ("a.csv", "again.csv", "longer.csv")]
    for path, some in zip(paths, (both[:2], both[:2], both), strict=True):
        path.write_text("".join(some))
    with Spool() as spool:
        result = read(paths, "shop", spool)

        assert len(spool) == len(both)
    assert (result.entries, result.repeated) == (3, 4)


def test_a_folder_is_answered_in_words(tmp_path: Path) -> None:
    with Spool() as spool, pytest.raises(UsageError, match="is a folder"):
        read([tmp_path], "shop", spool)
