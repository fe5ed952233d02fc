"""What a matrix looks like: Markdown, terminal, HTML."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import golden_file
import pytest
from fixed_run import estimate, stands
from several_runs import FOUR, candidate, compared, experiment, run, unsampled

from schemabench.records import Estimate, Notice, Standing, WriterRatio
from schemabench.report import flavored, matrix, page, screen
from schemabench.report.characters import columns
from schemabench.report.matrix import Comparison

HOSTILE = "<img src=x onerror=alert(1)>|`"


def markdown(comparison: Comparison) -> str:
    return flavored.markdown(matrix.document(comparison))


def terminal(comparison: Comparison, width: int = 80) -> str:
    return screen.terminal(matrix.document(comparison), width)


def html(comparison: Comparison) -> str:
    return page.html(matrix.document(comparison))


DRAWN = [markdown, terminal, html]
LABELS = ["PostgreSQL 15", "PostgreSQL 16", "PostgreSQL 17", "PostgreSQL 18"]


class Page(HTMLParser):
    """What a browser would make of a page, as far as tests ask."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag, its id and where it leads."""
        self.tags.append(tag)
        for key, value in attrs:
            if key == "id":
                self.ids.append(str(value))
            if key == "href":
                self.links.append(str(value))


def hostile() -> Comparison:
    """Return a comparison whose candidate, cardinality, files and server carry markup in their names."""
    drawn = [run(version, experiment(("hash_by_site",), ("baseline",)), origin=HOSTILE) for version in ("15.1", "16.1")]
    changed = [
        replace(
            one,
            experiments=tuple(
                replace(
                    some,
                    cardinality=HOSTILE,
                    candidates=(
                        *some.candidates,
                        replace(candidate(_standing(HOSTILE)), summary="</script><script>alert(2)</script>"),
                    ),
                )
                for some in one.experiments
            ),
        )
        for one in drawn
    ]
    return matrix.compare([(f"{HOSTILE}.json", one) for one in changed])


def words(text: str) -> str:
    """Return what a reader sees: no tags, no brackets around numbers, single spaces."""
    return " ".join(re.sub(r"[()]", "", unescape(re.sub(r"<[^>]*>", "", text))).split())


def _standing(name: str) -> Standing:
    ratio = Estimate(value=0.5, low=0.4, high=0.6)
    return Standing(name=name, figure=ratio, to_baseline=ratio, rank=3, tied_with=())


def test_markdown_looks_like_its_golden_file() -> None:
    golden_file.check("matrix.md", markdown(compared(*FOUR)))


def test_terminal_looks_like_its_golden_file() -> None:
    golden_file.check("matrix.txt", terminal(compared(*FOUR)) + "\n")


def test_html_looks_like_its_golden_file() -> None:
    found = re.search(r"<main.*</main>\n", html(compared(*FOUR)), re.DOTALL)
    assert found
    golden_file.check("matrix.html", re.sub(r"<figure.*?</figure>\n?", "", found[0], flags=re.DOTALL))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_terminal_keeps_to_its_width_and_shows_every_run(width: int) -> None:
    text = terminal(compared(*FOUR), width)
    assert max(map(columns, text.splitlines())) <= width
    for ranking in ("throughput  ", "lock waits  "):
        headings = [line for line in text.splitlines() if line.startswith(ranking)]
        assert re.findall(r"PostgreSQL \d+", " ".join(headings)) == LABELS


@pytest.mark.parametrize("width", [40, 60, 80])
def test_terminal_keeps_to_its_width_whatever_stands_in_a_cell(width: int) -> None:
    narrow = Estimate(value=1.001, low=0.996, high=1.006)
    notices = tuple(Notice(code="retries", text=f"deadlock {number}") for number in range(12))
    some = experiment(("baseline", "a_candidate_with_a_long_name"))
    candidates = tuple(replace(stands(one, to_baseline=narrow), notices=notices) for one in some.candidates)
    runs = [run(f"{version}.1", replace(some, candidates=candidates)) for version in (15, 16, 17, 18)]
    assert max(map(columns, terminal(compared(*runs), width).splitlines())) <= width


def test_every_part_of_a_table_of_writers_says_whose_rows_they_are() -> None:
    lines = terminal(compared(*FOUR), 80).splitlines()
    headings = [line for line in lines if line.startswith("candidate ")]
    assert len(headings) > 1
    assert all(re.match("candidate +writer ", line) for line in headings)


def test_four_runs_fit_a_usual_terminal_side_by_side() -> None:
    text = terminal(compared(*FOUR), 80)
    assert len(re.findall(r"^throughput  .*PostgreSQL 15.*PostgreSQL 18$", text, re.MULTILINE)) == 1
    assert len(re.findall(r"^lock waits  .*PostgreSQL 15.*PostgreSQL 18$", text, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    ("drawn", "on_front", "off_front"),
    [
        (markdown, "**1 3.1 % \\* [2.7, 3.5]** ", "| 2 13 % [11, 14] "),
        (terminal, "1 3.1 % * ", "2 13 %   "),
        (
            html,
            '<strong>1 3.1\N{NO-BREAK SPACE}% *</strong> <span class="interval">[2.7, 3.5]',
            '>2 13\N{NO-BREAK SPACE}% <span class="interval">[11, 14]',
        ),
    ],
    ids=["markdown", "terminal", "html"],
)
def test_lock_waits_stand_with_their_rank_and_the_mark_of_the_front(
    drawn: Callable[[Comparison], str], on_front: str, off_front: str
) -> None:
    text = drawn(compared(*FOUR))
    assert on_front in text
    assert off_front in text


@pytest.mark.parametrize("drawn", DRAWN)
def test_change_of_who_waits_least_is_said_in_words(drawn: Callable[[Comparison], str]) -> None:
    text = words(drawn(compared(*FOUR)))
    assert (
        "The candidate with the lowest lock waits changes between PostgreSQL 15 and 18, which also differ in the"
        in text
    )


@pytest.mark.parametrize("drawn", DRAWN)
def test_lock_waits_that_are_not_known_are_a_dash_and_never_a_zero(drawn: Callable[[Comparison], str]) -> None:
    known, unknown = (
        experiment(("hash_by_site",), ("baseline",)),
        unsampled(experiment(("hash_by_site",), ("baseline",))),
    )
    text = words(drawn(compared(run("15.1", known), run("16.1", unknown))))
    assert "nothing is known of lock waits on PostgreSQL 16" in text
    assert not re.search(r"\b0 %", text)


@pytest.mark.parametrize("drawn", DRAWN)
def test_runs_of_which_none_was_sampled_are_compared_by_throughput_alone(drawn: Callable[[Comparison], str]) -> None:
    runs = [run(version, unsampled(experiment(("hash_by_site",), ("baseline",)))) for version in ("15.1", "16.1")]
    text = words(drawn(compared(*runs)))
    assert "lowest" not in text
    assert "(Pareto)" not in drawn(compared(*runs))
    assert text.count("Lock waits are not known on PostgreSQL 15 and 16") == 1


@pytest.mark.parametrize("drawn", DRAWN)
def test_change_of_the_winner_is_said_in_words(drawn: Callable[[Comparison], str]) -> None:
    text = words(drawn(compared(*FOUR)))
    assert "The winner changes between PostgreSQL 15 and 17, which also differ in the candidate hash_by_site" in text
    assert "changes from" in text


@pytest.mark.parametrize("drawn", DRAWN)
@pytest.mark.parametrize("notice", ["1 pageviews at worst is in b.json only", "7 The server's data lie in memory"])
def test_every_notice_is_shown_with_its_number(drawn: Callable[[Comparison], str], notice: str) -> None:
    assert notice in words(drawn(compared(*FOUR)))


def test_page_leads_to_every_note_and_asks_the_network_for_nothing() -> None:
    read = Page(html(compared(*FOUR)))
    assert len(read.ids) == len(set(read.ids))
    assert {link.removeprefix("#") for link in read.links} <= set(read.ids)
    assert all(link.startswith("#") for link in read.links)


def test_names_from_files_are_text_on_the_page() -> None:
    drawn = html(hostile())
    assert "img" not in Page(drawn).tags
    assert "<script>alert" not in drawn
    assert drawn.count("</script>") == Page(drawn).tags.count("script")


def test_names_from_files_are_text_in_markdown() -> None:
    assert "<img" not in markdown(hostile())


def test_ratio_that_cannot_be_drawn_is_left_out_of_the_chart() -> None:
    endless = Estimate(value=1.2, low=0.0, high=float("inf"))
    runs = []
    for version in ("15.1", "16.1"):
        some = experiment(("hash_by_site",), ("baseline",))
        (first, *rest) = some.candidates
        first = stands(first, to_baseline=endless)
        runs.append(run(version, replace(some, candidates=(first, *rest))))
    assert "figure" not in Page(html(compared(*runs))).tags


@pytest.mark.parametrize("drawn", DRAWN)
def test_what_differs_from_the_baseline_is_told_of_each_run(drawn: Callable[[Comparison], str]) -> None:
    text = words(drawn(compared(*FOUR))).replace("`", "")
    assert "two_tables on PostgreSQL 16 and 17: HOT updates 99 % instead of 41 %, 38 % less WAL" in text
    assert "two_tables on PostgreSQL 15" not in text


@pytest.mark.parametrize("drawn", DRAWN)
def test_a_writer_that_throughput_hides_is_told_of_each_run(drawn: Callable[[Comparison], str]) -> None:
    tied = experiment(("hash_by_site", "baseline"))
    own = (WriterRatio(writer="stream", ratio=estimate(2.0), differs=True),)
    seen = replace(tied, candidates=tuple(replace(one, writers=own) for one in tied.candidates))
    text = words(drawn(compared(run("15.1", seen), run("16.1", tied)))).replace("`", "")

    assert "hash_by_site on PostgreSQL 15: stream 2.00x [1.92, 2.08] as fast" in text
