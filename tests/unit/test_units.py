"""Durations, sizes and counts, from text and to text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.units import (
    first_of,
    format_bytes,
    format_count,
    format_duration,
    format_significant,
    parse_duration_s,
    plural,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45s", 45.0),
        ("2min", 120.0),
        ("2m", 120.0),
        ("1.5h", 5400.0),
        ("200ms", 0.2),
        ("7us", 7e-6),
        ("30", 30.0),
        (" 3 sec ", 3.0),
    ],
)
def test_durations_are_read_with_their_unit(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "-1s", "0", "0.0s", "1 week", "45 S", "1e3s", "nan", "inf", "1,5s", "1.s", "٣s", "9" * 400]
)
def test_what_is_no_duration_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration") as caught:
        parse_duration_s(text)

    assert repr(text) in str(caught.value)


@given(st.floats(min_value=1e-6, max_value=59.9))
def test_a_short_duration_is_read_as_it_was_shown(seconds: float) -> None:
    assert parse_duration_s(format_duration(seconds).replace(",", "")) == pytest.approx(seconds, rel=0.006)


@given(st.floats(min_value=60, max_value=5_999))
def test_a_long_duration_is_shown_to_the_second(seconds: float) -> None:
    minutes, _, rest = format_duration(seconds).partition(" min")

    assert int(minutes) * 60 + int(rest.removesuffix(" s") or 0) == round(seconds)


@pytest.mark.parametrize(("seconds", "text"), [(6_000, "1 h 40 min"), (86_224, "23 h 57 min"), (3.6e6, "1000 h")])
def test_a_duration_of_hours_is_shown_to_the_minute(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.00000012, "120 ns"), (0.0012, "1.20 ms"), (1.0, "1.00 s"), (60.0, "1 min"), (200.0, "3 min 20 s"), (0, "0 ns")],
)
def test_durations_take_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(min_value=1e-9, max_value=1e15), st.integers(min_value=1, max_value=6))
def test_rounding_keeps_the_digits_that_are_asked_for(value: float, digits: int) -> None:
    text = format_significant(value, digits)

    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))
    assert "e" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12345.6, "12,346"), (-0.01234, "-0.0123"), (math.inf, "inf"), (math.nan, "nan")],
)
def test_numbers_are_shown_without_exponent(value: float, text: str) -> None:
    assert format_significant(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(12.0, "12.0"), (12_345, "12.3k"), (1_234_567, "1.23M"), (9.87e9, "9.87G"), (-2000, "-2.00k")]
)
def test_counts_take_a_prefix(value: float, text: str) -> None:
    assert format_count(value) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (57, "57 B"),
        (0.3, "0.300 B"),
        (14.44, "14.4 B"),
        (1023.4, "1023 B"),
        (1536, "1.50 KiB"),
        (2**20, "1.00 MiB"),
        (3 * 2**30, "3.00 GiB"),
    ],
)
def test_sizes_take_binary_units(size: int, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1240, "1,240 rows")])
def test_a_noun_stands_in_the_number_of_its_count(count: int, text: str) -> None:
    assert plural(count, "row") == text


def test_a_plural_without_an_s_is_given() -> None:
    assert [plural(count, "entry", "entries") for count in (1, 2)] == ["1 entry", "2 entries"]


def test_first_texts_are_followed_by_how_many_more_there_are() -> None:
    assert first_of([], 3) == ""
    assert first_of(["a", "b", "c"], 3) == "a, b, c"
    assert first_of(["a", "b", "c", "d"], 3) == "a, b, c and 1 more"
    assert first_of(["a", "b", "c"], 3, count=2_000) == "a, b, c and 1,997 more"
    assert first_of(["a {}", "b", "c"], 1, between="; ", rest="; {:,} more below") == "a {}; 2 more below"
