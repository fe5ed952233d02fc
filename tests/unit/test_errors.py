"""What a user reads when something is wrong."""

from pathlib import Path

import pytest

from schemabench.errors import CandidateError, Place, SchemabenchError, ServerError, UsageError, WorkloadError


def test_a_place_is_a_link_a_line_and_a_caret() -> None:
    place = Place(path=Path("schemas/a.sql"), line=3, column=8, text="SELECT boom;")

    assert str(place) == "schemas/a.sql:3:8\n  SELECT boom;\n         ^"


def test_the_caret_stands_below_its_column_after_tabs_too() -> None:
    place = Place(path=Path("a.sql"), line=1, column=4, text="\tä\tboom")

    assert str(place).splitlines()[2] == "  \t \t^"


@pytest.mark.parametrize("text", ["", "   "])
def test_a_place_without_a_line_to_show_is_a_link_only(text: str) -> None:
    assert str(Place(path=Path("a.sql"), line=9, column=2, text=text)) == "a.sql:9:2"


def test_an_error_says_what_where_what_was_checked_and_what_to_do() -> None:
    error = CandidateError(
        "The server refused it",
        where=Place(path=Path("a.sql"), line=2),
        sqlstate="42601",
        checked=["this", "that"],
        remedies=["correct it", "leave it out"],
    )

    assert str(error).splitlines() == [
        "The server refused it (SQLSTATE 42601)",
        "at a.sql:2:1",
        "Checked:",
        "  - this",
        "  - that",
        "To fix this, either:",
        "  - correct it",
        "  - leave it out",
    ]


def test_one_remedy_stands_in_one_line() -> None:
    assert str(UsageError("No", remedies=["say yes"])) == "No\nTo fix this: say yes"


def test_an_error_without_more_is_its_sentence() -> None:
    assert str(SchemabenchError("No")) == "No"


@pytest.mark.parametrize("kind", [UsageError, CandidateError, WorkloadError, ServerError])
def test_every_error_keeps_its_fields(kind: type[SchemabenchError]) -> None:
    error = kind("No", sqlstate="XX000", checked=["a"], remedies=["b"])

    assert isinstance(error, SchemabenchError)
    assert (error.what, error.where, error.sqlstate, error.checked, error.remedies) == (
        "No",
        None,
        "XX000",
        ("a",),
        ("b",),
    )
