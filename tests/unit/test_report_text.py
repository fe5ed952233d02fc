"""Texts with marks: any name is one span, and what is no name stays as it is."""

from hypothesis import given
from hypothesis import strategies as st

from schemabench.report.characters import clean
from schemabench.report.text import Span, capital, changed, name, plain, spans

MARKS = "\ue000\ue001\ue002\ue003"
ANYTHING = st.text(st.one_of(st.characters(), st.sampled_from(MARKS)))
UNMARKED = st.text(st.characters(exclude_characters=MARKS))


@given(UNMARKED, ANYTHING, UNMARKED)
def test_any_name_survives_as_one_span(before: str, who: str, after: str) -> None:
    found = list(spans(f"{before}{name(who)}{after}"))

    named = [Span(kind="name", text=clean(who))] if clean(who) else []
    assert [span for span in found if span.kind == "name"] == named
    assert "".join(span.text for span in found) == before + clean(who) + after


@given(UNMARKED)
def test_text_without_marks_is_unchanged(said: str) -> None:
    assert plain(said) == said
    assert list(spans(said)) == ([Span(kind="plain", text=said)] if said else [])


def test_names_and_changed_words_are_told_apart() -> None:
    assert [(span.kind, span.text) for span in spans(f"{name('a')} has {changed('bigint')}")] == [
        ("name", "a"),
        ("plain", " has "),
        ("changed", "bigint"),
    ]


def test_sentence_begins_with_a_capital_but_a_name_keeps_its_letters() -> None:
    assert capital("most of it") == "Most of it"
    assert plain(capital(f"{name('hash')} leads")) == "hash leads"
