"""How much is kept of what the server says beside the results of statements."""

from typing import Any

from fake_connection import refused

from schemabench.rehearsal.notices import MOST_COLUMNS, MOST_KEPT, Heard
from schemabench.rehearsal.record import Notice


def _heard(*some: tuple[str, str, str, str]) -> Heard:
    """Return what is kept of messages: severity, SQLSTATE, message and detail of each."""
    heard = Heard()
    for severity, sqlstate, message, detail in some:
        notice: Any = refused(sqlstate, message, SEVERITY_NONLOCALIZED=severity, MESSAGE_DETAIL=detail)
        heard.hear(notice)
    return heard


def test_what_is_said_again_is_counted_and_warnings_come_first() -> None:
    skipping = ("NOTICE", "42P07", 'relation "a" already exists, skipping', "")
    heard = _heard(skipping, ("WARNING", "25P01", "there is no transaction in progress", ""), skipping)

    assert list(heard.notices()) == [
        Notice(severity="WARNING", text="there is no transaction in progress (25P01)", times=1),
        Notice(severity="NOTICE", text='relation "a" already exists, skipping (42P07)', times=2),
    ]
    assert heard.left_out == 0


def test_a_loop_that_raises_many_takes_no_room_and_leaves_room_for_warnings() -> None:
    heard = _heard(
        *(("NOTICE", "00000", f"row {number}", "") for number in range(1000)), ("WARNING", "01000", "rows are left", "")
    )

    texts = [one.text for one in heard.notices()]
    assert texts == ["rows are left (01000)", *(f"row {number}" for number in range(MOST_KEPT))]
    assert heard.left_out == 1000 - MOST_KEPT


def test_a_message_is_one_line_with_its_detail_and_cut_where_it_is_long() -> None:
    (short, long) = _heard(
        ("NOTICE", "00000", "drop cascades to 2 other objects", "drop cascades to view a\ndrop cascades to view b"),
        ("NOTICE", "00000", "x" * 10_000, ""),
    ).notices()

    assert short.text == "drop cascades to 2 other objects: drop cascades to view a drop cascades to view b"
    assert len(long.text) == MOST_COLUMNS
    assert "x...x" in long.text


def test_secrets_in_a_message_are_masked() -> None:
    (only,) = _heard(("NOTICE", "00000", "ALTER ROLE a PASSWORD 'b'", "")).notices()

    assert only.text == "ALTER ROLE a PASSWORD '***'"
