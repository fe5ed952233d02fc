"""The HTML page: what it looks like, that it is valid and safe, and that every chart can be drawn."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import altair as alt
import golden_file
import page_reader
import pytest
from fixed_run import PAGEVIEWS, RUN, USAGE
from hypothesis import given
from hypothesis import strategies as st
from page_reader import Reader

from schemabench.records import CandidateResult, Run, from_builtins, to_builtins
from schemabench.report import document, over_time, page, service_times, text, view
from schemabench.report.files import write
from schemabench.report.page import rendering, vega
from schemabench.report.page.charts import embedding
from schemabench.report.page.charts.looks import Look, looks
from schemabench.report.tree import Cell, Column, Document, Node, Part, Section, Table, cells, columns
from schemabench.report.view import View

pytestmark = pytest.mark.usefixtures("short_script")
HOSTILE = "<img src=x onerror=alert(1)></script>"
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def read() -> Iterator[Reader]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vega, "script", lambda: "/* vegaEmbed */")
        yield page_reader.read(html(RUN))


def html(run: Run) -> str:
    return page.html(document(run))


def of_nodes(*nodes: Node, names: tuple[str, ...] = ()) -> Reader:
    """Return what a page shows of some parts of a document."""
    section = Section(id="some", title="Some", nodes=nodes)
    return page_reader.read(
        page.html(Document(title="Some", parts=(Part(id="1", title="one", names=names, sections=(section,)),)))
    )


def test_page_looks_like_its_golden_file() -> None:
    found = re.search(r"<main.*</main>\n", html(RUN), re.DOTALL)
    assert found
    golden_file.check("page.html", found[0])


def test_report_ending_in_html_is_the_page(tmp_path: Path) -> None:
    write(RUN, tmp_path / "run.html")
    assert (tmp_path / "run.html").read_text(encoding="utf-8") == html(RUN)


def test_run_without_experiments_says_so() -> None:
    drawn = html(replace(RUN, experiments=(), server=None))
    assert "No experiment was run." in drawn
    assert "No server was used;" in drawn
    assert "vegaEmbed */" not in drawn, "charts that are not there need no library"


def test_every_link_leads_to_an_id_and_every_id_is_unique(read: Reader) -> None:
    ids = [element.attributes["id"] for element in read.elements if "id" in element.attributes]
    links = [link.attributes["href"] for link in read.named("a")]

    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert any("note" in link for link in links)


def test_nothing_on_the_page_names_another_place(read: Reader) -> None:
    loading = {"src", "href", "action", "poster", "data", "srcset"}
    places = [value for element in read.elements for name, value in element.attributes.items() if name in loading]

    assert not [place for place in places if not place.startswith("#")]
    assert not read.named("link", "iframe", "object", "embed", "form", "base", "img")


def test_policy_admits_the_pages_own_script_and_style_and_nothing_else(read: Reader) -> None:
    (policy,) = [one.attributes["content"] for one in read.named("meta") if "http-equiv" in one.attributes]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    (style,) = read.named("style")
    (script,) = [one for one in read.named("script") if one.attributes.get("type") != "application/json"]

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'{digest(script.text)}'"
    assert rules["style-src-elem"] == f"'{digest(style.text)}'"


def digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_no_element_has_a_script_or_a_style_of_its_own(read: Reader) -> None:
    names = {name for element in read.elements for name in element.attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}


def test_names_sql_and_messages_are_shown_as_they_are_and_do_nothing(read: Reader) -> None:
    drawn = page_reader.read(html(hostile(RUN)))

    assert not drawn.named("img")
    assert len(drawn.named("script")) == len(read.named("script"))
    code = drawn.named("code")
    assert HOSTILE in "".join(one.text for one in code if one.inside != "pre")
    assert HOSTILE in "".join(one.text for one in code if one.inside == "pre")
    assert any(HOSTILE in json.dumps(one) for one in drawn.specifications())


def hostile(run: Run) -> Run:
    """Return a run whose candidates but the baseline, and their SQL, reasons and notices hold markup."""

    def changed(result: CandidateResult) -> CandidateResult:
        named = result if result.name == "baseline" else renamed(result, f"{HOSTILE}{result.name}")
        notices = tuple(replace(notice, text=HOSTILE) for notice in result.notices)
        reason = f"{result.reason}\n{HOSTILE}" if result.reason else ""
        return replace(named, sql=f"-- {HOSTILE}", summary=HOSTILE, notices=notices, reason=reason)

    return replace(
        run,
        experiments=tuple(
            replace(experiment, summary=HOSTILE, candidates=tuple(map(changed, experiment.candidates)))
            for experiment in run.experiments
        ),
    )


def renamed(result: CandidateResult, name: str) -> CandidateResult:
    return replace(
        result,
        name=name,
        standings={criterion: replace(one, name=name) for criterion, one in result.standings.items()},
    )


def rows(specification: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the layers of a chart draw."""
    found: list[dict[str, Any]] = specification["datasets"][specification["data"]["name"]]
    return found


def test_every_chart_is_valid_vega_lite_of_the_version_that_draws_it(read: Reader) -> None:
    specifications = read.specifications()
    version = f"v{alt.SCHEMA_VERSION.removeprefix('v').partition('.')[0]}"

    assert len(specifications) >= 6
    for specification in specifications:
        alt.Chart.from_dict(specification)
        assert f"/{version}" in specification["$schema"]


def test_every_chart_has_words_and_a_table(read: Reader) -> None:
    figures, plots = read.named("figure"), [one for one in read.named("div") if one.attributes.get("role") == "img"]
    behind = [one for one in read.named("details") if one.attributes.get("class") == "behind"]

    assert len(figures) == len(plots) == len(behind) == len(read.specifications())
    assert all(len(plot.attributes["aria-label"]) > 40 for plot in plots)


def test_every_axis_of_figures_has_a_title_with_its_unit(read: Reader) -> None:
    units = ("ratio", "%", "time", "/s", "seconds", "percentile", "minutes")
    axes = [axis for one in read.specifications() for axis in quantitative(one)]

    assert axes
    assert not [axis for axis in axes if not any(unit in axis["title"] for unit in units)]


def quantitative(specification: dict[str, Any]) -> Iterator[dict[str, str]]:
    for layer in specification.get("layer", [specification]):
        for channel in ("x", "y"):
            axis = layer.get("encoding", {}).get(channel, {})
            if axis.get("type") == "quantitative":
                yield axis


def test_candidate_has_one_colour_all_through_its_workload(read: Reader) -> None:
    names = {result.name for result in USAGE.candidates}
    found: dict[str, set[str]] = {}
    for specification in read.specifications():
        for layer in specification.get("layer", [specification]):
            scale = layer.get("encoding", {}).get("color", {}).get("scale", {})
            for name, colour in zip(scale.get("domain", []), scale.get("range", []), strict=True):
                if name in names - {"baseline"}:
                    found.setdefault(name, set()).add(colour)

    assert len(found) > 3
    assert {len(colours) for colours in found.values()} == {1}


@pytest.mark.parametrize("factor", [0.0, -1.0, 1e-300, 1e300, float("nan")])
def test_page_is_drawn_whatever_the_figures_are(factor: float) -> None:
    def scaled(value: object) -> object:
        if isinstance(value, dict):
            return {key: scaled(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [scaled(one) for one in value]
        return value * factor if isinstance(value, float) else value

    drawn = page_reader.read(html(from_builtins(scaled(to_builtins(RUN)))))

    assert len(drawn.named("section")) > 5


def test_looks_depend_neither_on_ranks_nor_on_the_experiment() -> None:
    turned = replace(USAGE, cardinality="worst", candidates=USAGE.candidates[::-1])
    assert of(RUN) == of(replace(RUN, experiments=(turned, USAGE, PAGEVIEWS)))


def of(run: Run) -> dict[str, Look]:
    """Return how the candidates of the usage workload look."""
    return looks(view.names(run, "usage"))


def test_more_candidates_than_colours_still_look_different() -> None:
    many = tuple(replace(USAGE.candidates[0], name=f"candidate_{number}") for number in range(30))
    found = of(replace(RUN, experiments=(replace(USAGE, candidates=many),)))
    assert len({(look.colour, look.shape) for look in found.values()}) == 31


def test_page_of_two_workloads_of_eight_candidates_and_sixty_blocks_is_small() -> None:
    page_bytes = len(html(large(blocks=60)).encode())
    assert page_bytes < MEGABYTE, "the library of the charts adds 0.9 MB; 2 MB is the limit"


def large(blocks: int) -> Run:
    """Return a run of two experiments of eight ranked candidates each."""
    leader = USAGE.candidates[0]
    trials = tuple(replace(leader.trials[-1], block=block, started_s=block * 1.1) for block in range(blocks))
    candidates = tuple(
        replace(renamed(leader, name), trials=trials)
        for name in ("baseline", *(f"candidate_{number}" for number in range(7)))
    )
    experiment = replace(USAGE, candidates=candidates)
    return replace(RUN, experiments=(experiment, replace(experiment, workload="pageviews")))


def section(drawn: Callable[[View], Section | None], run: Run) -> Reader:
    """Return what a page shows of one section of a run's first experiment."""
    found = drawn(View(run.experiments[0], run))
    assert found is not None
    return of_nodes(*found.nodes, names=view.names(run, run.experiments[0].workload))


def test_long_run_is_drawn_by_medians_of_blocks_in_a_row() -> None:
    drawn = section(over_time.section, large(blocks=1001))
    (specification,) = drawn.specifications()

    assert len(rows(specification)) == 112 * 8, "1001 blocks are 112 points of up to 9 blocks"
    assert "each point the median of 9 blocks" in "".join(one.text for one in drawn.named("figcaption"))


def test_run_of_an_older_version_is_drawn_by_the_percentiles_that_it_has() -> None:
    older = [replace(one, latencies=tuple(replace(it, curve=()) for it in one.latencies)) for one in USAGE.candidates]
    run = replace(RUN, experiments=(replace(USAGE, candidates=tuple(older)),))
    levels = [{row["level"] for row in rows(chart)} for chart in section(service_times.section, run).specifications()]

    assert {0.5, 0.95, 0.99} in levels


def test_checkpoints_and_autovacuums_are_marked_and_named() -> None:
    drawn = section(over_time.section, replace(RUN, experiments=(replace(USAGE, candidates=USAGE.candidates[:2]),)))
    (plot,) = [one for one in drawn.named("div") if one.attributes.get("role") == "img"]
    (specification,) = drawn.specifications()

    assert "Marks: checkpoints at 2 points; autovacuums at 2 points." in plot.attributes["aria-label"]
    assert any("transform" in layer for layer in specification["layer"])


def test_figures_that_are_not_finite_are_left_out_of_charts() -> None:
    drawn = embedding.data([{"ratio": float("inf"), "share": float("nan"), "rate": 12345.678, "block": 3}])
    assert drawn.to_dict() == {"values": [{"ratio": None, "share": None, "rate": 12346.0, "block": 3}]}


@given(st.text())
def test_json_in_the_page_reads_as_it_was_and_ends_no_script(text: str) -> None:
    embedded = embedding.embedded(json.dumps(text, ensure_ascii=False))
    assert json.loads(embedded) == text
    assert not set("<>&") & set(embedded)


@given(st.text())
def test_sentence_with_any_name_in_it_holds_no_markup_but_code(said: str) -> None:
    drawn = rendering.drawn(f"{text.name(said)} leads <b>")
    assert re.findall(r"<[^>]*>", drawn) == (["<code>", "</code>"] if text.name(said) else [])


def test_figures_of_a_table_are_sorted_by_what_they_stand_for() -> None:
    table = Table(
        caption="rates",
        columns=(Column(heading="candidate"), Column(heading="rows/s", align="right")),
        rows=(cells("a", Cell(text="1.1k", sort=1100.0)), cells("b", 900), cells("c", "-")),
    )
    assert [cell.attributes.get("data-sort") for cell in of_nodes(table).named("td")] == ["1100", "900", None]


@pytest.mark.parametrize(("intervals", "stacked"), [(2, False), (3, True)])
def test_intervals_stand_below_their_figures_where_a_row_has_many(intervals: int, stacked: bool) -> None:  # noqa: FBT001 (the expected value)
    figure = Cell(text="1.21x", interval="[1.13, 1.29]", sort=1.21)
    table = Table(
        caption="ratios",
        columns=columns("candidate", *(f"ratio {number} [95 % interval]" for number in range(intervals))),
        rows=((Cell(text="a"), *[figure] * intervals),),
    )
    page = of_nodes(table)

    assert [("stacked" in one.attributes["class"].split()) for one in page.named("table")] == [stacked]
    assert [one.text for one in page.named("span") if one.attributes["class"] == "interval"] == [
        *["[95\u00a0% interval]"] * intervals,
        *["[1.13, 1.29]"] * intervals,
    ]
