"""Documents as plain data, in every format: each draws every kind of node, and loses no text that it is to show."""

from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import get_args

import pytest

from schemabench.records import Estimate
from schemabench.report import csv, flavored, page, screen
from schemabench.report.drawings import Forest, Point, Scale
from schemabench.report.text import changed, name
from schemabench.report.tree import (
    Beside,
    Bullets,
    Cell,
    Chart,
    Column,
    Difference,
    Document,
    Fold,
    Line,
    Node,
    Notes,
    Paragraph,
    Part,
    Section,
    Table,
    Terms,
    Verbatim,
    cells,
    columns,
)


def table(word: str) -> Table:
    return Table(
        caption=f"{word}-caption",
        columns=(
            Column(heading=f"{word}-first", legend=f"{word}-meaning"),
            Column(heading=f"{word}-second", align="right"),
        ),
        rows=(
            (Cell(text=name(f"{word}-name")), Cell(text=f"{word}-figure", interval=f"{word}-ends", sort=1.0)),
            (Cell(text=f"{word}-other"), Cell(text=f"{word}-tinted", below=f"{word}-ratio", tone="more-1")),
        ),
        footer=(cells(f"{word}-foot", f"{word}-sum"),),
        legend=((f"{word}-sign", f"{word}-stands"),),
    )


def in_table(word: str) -> list[str]:
    return [
        f"{word}-{one}"
        for one in ["first", "second", "name", "figure", "ends", "other", "tinted", "ratio", "foot", "sum"]
    ]


def told_of_table(word: str) -> list[str]:
    return [f"{word}-{one}" for one in ("caption", "meaning", "sign", "stands")]


def chart(word: str) -> Chart:
    point = Point(name="known", figure=Estimate(value=1.0, low=0.9, high=1.1), text=f"{word}-point")
    drawing = Forest(scale=Scale(kind="ratio", title="x"), points=(point,))
    return Chart(title=f"{word}-title", description=f"{word}-seen", drawing=drawing, table=table(word))


NODES: dict[type, Node] = {
    Paragraph: Paragraph(text=f"prose-text of {name('prose-name')}", notes=(1, 2)),
    Bullets: Bullets(lead="bullets-lead", items=("bullets-one", "bullets-two")),
    Terms: Terms(items=(("terms-term", "terms-text"), ("terms-absent", ""))),
    Verbatim: Verbatim(text="verbatim-text", label="verbatim-label", notes=(2,)),
    Difference: Difference(
        label="difference-label",
        lines=(
            Line(kind="gap", text="difference-gap"),
            Line(kind="same", text="difference-same"),
            Line(kind="removed", text=changed("difference-gone")),
            Line(kind="added", text=changed("difference-new")),
        ),
    ),
    Table: table("table"),
    Chart: chart("chart"),
    Fold: Fold(summary="fold-summary", heading="fold-heading", nodes=(Paragraph(text="fold-text"),)),
    Beside: Beside(charts=(chart("left"), chart("right"))),
}
DOCUMENT = Document(
    title="document-title",
    notes=Notes(items=((1, "general-note"),)),
    parts=(
        Part(
            id="1",
            title="part-title",
            names=("known",),
            notes=Notes(items=((2, "part-note"),)),
            verdict=(Paragraph(text="verdict-text", emphasis="strong"),),
            sections=(Section(id="all", title="section-title", nodes=tuple(NODES.values()), brief=True),),
        ),
    ),
)
LINES = ["difference-gap", "difference-same", "difference-gone", "difference-new"]
WORDS: dict[type, list[str]] = {
    Paragraph: ["prose-text", "prose-name"],
    Bullets: ["bullets-lead", "bullets-one", "bullets-two"],
    Terms: ["terms-term", "terms-text"],
    Verbatim: ["verbatim-text", "verbatim-label"],
    Difference: ["difference-label", *LINES],
    Table: [*in_table("table"), *told_of_table("table")],
    Chart: ["chart-title", "chart-seen", *in_table("chart"), *told_of_table("chart")],
    Fold: ["fold-summary", "fold-heading", "fold-text"],
    Beside: [word for side in ("left", "right") for word in (f"{side}-title", *in_table(side), *told_of_table(side))],
}
"""Every text of each node."""
NO_CHARTS = {f"{word}-{one}" for word in ("chart", "left", "right") for one in ("title", "seen")}
FORMATS: dict[str, tuple[Callable[[Document], str], set[str]]] = {
    "page": (lambda some: unescape(page.html(some)), set()),
    "markdown": (flavored.markdown, {*LINES, *NO_CHARTS}),
    "terminal": (lambda some: screen.terminal(some, 200), {*WORDS[Difference], *WORDS[Fold], *NO_CHARTS}),
    "csv": (
        lambda some: "".join(csv.csv(one) for one in csv.tables(some).values()),
        {
            *(word for kind, words in WORDS.items() if kind not in {Table, Chart, Beside} for word in words),
            *(word for one in ("table", "chart", "left", "right") for word in told_of_table(one)),
            *NO_CHARTS,
        },
    ),
}
"""How a document is drawn, and the texts that the format leaves out on purpose."""


def test_document_of_this_test_holds_every_kind_of_node() -> None:
    assert set(NODES) == set(WORDS) == set(get_args(Node))


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("drawn", FORMATS)
def test_every_format_draws_every_kind_of_node(drawn: str, kind: type) -> None:
    draw, left_out = FORMATS[drawn]
    text = draw(DOCUMENT)
    assert [word for word in WORDS[kind] if (word not in text) != (word in left_out)] == []
    assert "terms-absent" not in text


@pytest.mark.parametrize("drawn", ["page", "markdown", "terminal"])
def test_every_format_shows_titles_verdict_and_notes(drawn: str) -> None:
    text = FORMATS[drawn][0](DOCUMENT)
    assert [word for word in ("part-title", "verdict-text", "general-note", "part-note") if word not in text] == []


def test_notes_for_all_parts_stand_once_on_the_page_and_every_mark_leads_to_its_note() -> None:
    html = page.html(DOCUMENT)
    assert html.count("general-note") == 1
    for note in ("all-note-1", "1-note-2"):
        assert html.count(f'id="{note}"') == 1
        assert f'href="#{note}"' in html


LISTED = Terms(items=(("who", "what"),), notes={"who": (2,)})
MARKS = {"page": '<sup><a href="#1-note-2"', "markdown": " <sup>2</sup>", "terminal": " (2)"}


@pytest.mark.parametrize("drawn", MARKS)
@pytest.mark.parametrize(("node", "marked"), [(LISTED, "what"), (replace(table("t"), notes=(2,)), "t-caption")])
def test_descriptions_and_captions_have_marks_in_every_format(drawn: str, node: Node, marked: str) -> None:
    section = Section(id="all", title="", nodes=(node,), brief=True)
    text = FORMATS[drawn][0](replace(DOCUMENT, parts=(replace(DOCUMENT.parts[0], sections=(section,)),)))

    assert f"{marked}{MARKS[drawn]}" in text


@pytest.mark.parametrize("drawn", ["page", "markdown", "terminal"])
def test_document_without_anything_for_a_short_report_says_so(drawn: str) -> None:
    left = Section(id="made", title="How", nodes=(Paragraph(text="by hand"),))
    shown = Section(id="map", title="Map", nodes=(Paragraph(text="of it"),), brief=True)
    draw = FORMATS[drawn][0]
    assert "nothing-at-all" in draw(Document(title="", empty="nothing-at-all", sections=(left,)))
    assert "nothing-at-all" not in draw(Document(title="", empty="nothing-at-all", sections=(shown, left)))


@pytest.mark.parametrize("where", ["rows", "footer"])
def test_table_refuses_rows_that_do_not_fit_its_columns(where: str) -> None:
    rows = {"rows": (), "footer": ()} | {where: (cells(1, 2),)}
    with pytest.raises(AssertionError, match="a row of 'ranks' has not 1 cells"):
        Table(caption="ranks", columns=columns("rank"), **rows)


def test_column_of_names_is_the_first_where_none_is_marked() -> None:
    assert Table(caption="", columns=columns("a", "b"), rows=()).named == 0
    marked = (Column(heading="rank"), Column(heading="a", is_name=True), Column(heading="b", is_name=True))
    assert Table(caption="", columns=marked, rows=()).names == (1, 2)
