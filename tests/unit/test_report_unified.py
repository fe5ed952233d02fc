"""Differences between texts: nothing is lost, what stays is not marked, and long ones are cut and say so."""

from hypothesis import given
from hypothesis import strategies as st

from schemabench.report.unified import Difference, Line, difference, words

LINES = st.lists(st.text(st.sampled_from("ab ;"), max_size=6), max_size=12)


def shown(found: Difference) -> list[str]:
    return [SIGNS[line.kind] + text(line) for line in found.lines]


def text(line: Line) -> str:
    return "".join(part.text for part in line.parts)


def marked(line: Line) -> list[str]:
    return [part.text for part in line.parts if part.changed]


SIGNS = {"same": " ", "removed": "-", "added": "+", "gap": "@"}


def test_same_texts_have_no_difference() -> None:
    assert difference(["a", "b"], ["a", "b"]) == Difference(lines=(), removed=0, added=0)


def test_lines_that_go_stand_before_those_that_come_with_lines_around() -> None:
    found = difference(["a", "b", "c"], ["a", "x y", "c"])
    assert shown(found) == [" a", "-b", "+x y", " c"]
    assert (found.removed, found.added) == (1, 1)


def test_lines_far_from_any_difference_are_counted_instead() -> None:
    old = [str(number) for number in range(20)]
    found = difference(old, [*old[:10], "new", *old[10:]])
    assert shown(found) == [
        "@7 lines unchanged",
        *(" 7", " 8", " 9", "+new", " 10", " 11", " 12"),
        "@7 lines unchanged",
    ]


def test_words_that_changed_are_marked_where_most_of_the_line_stays() -> None:
    _, old, new, _ = difference(
        ["(", "    site_id text NOT NULL,", ")"], ["(", "    site_id bigint NOT NULL,", ")"]
    ).lines
    assert (marked(old), marked(new)) == (["text"], ["bigint"])


def test_words_that_were_added_are_marked_alone() -> None:
    old, new = difference(["    n bigint NOT NULL,"], ["    n bigint NOT NULL DEFAULT 0,"]).lines
    assert (marked(old), marked(new)) == ([], [" DEFAULT 0"])


def test_nothing_is_marked_in_lines_that_share_hardly_a_word() -> None:
    old, new = difference(["CREATE TABLE a (x int);"], ["SELECT refresh();"]).lines
    assert (marked(old), marked(new)) == ([], [])


def test_long_difference_is_cut_and_counts_what_is_left_out() -> None:
    found = difference([], [str(number) for number in range(1000)])
    assert shown(found)[-1] == "@400 lines more that are not shown"
    assert found.added == 1000


@given(LINES, LINES)
def test_difference_turns_one_text_into_the_other(old: list[str], new: list[str]) -> None:
    assert applied(difference(old, new), old) == new


def applied(found: Difference, old: list[str]) -> list[str]:
    """Return what comes of a text, checking that what is to go or to stay is there."""
    rest, new = list(old), []
    for line in found.lines:
        if line.kind == "gap":
            count = int(text(line).partition(" ")[0])
            new += rest[:count]
            del rest[:count]
            continue
        if line.kind != "added":
            assert rest.pop(0) == text(line)
        if line.kind != "removed":
            new.append(text(line))
    return new if found.lines else old


def test_of_very_long_lines_all_is_marked_or_nothing() -> None:
    long = "scan of item; " * 400
    before, after = words(long, f"{long}end")

    assert ([part.changed for part in before], [part.changed for part in after]) == ([True], [True])
    assert [part.changed for part in words(long, long)[1]] == [False]


@given(st.text(), st.text())
def test_parts_of_a_line_are_the_line(old: str, new: str) -> None:
    before, after = words(old, new)
    assert "".join(part.text for part in before) == old
    assert "".join(part.text for part in after) == new
    assert [part.text for part in before if not part.changed] == [part.text for part in after if not part.changed]
