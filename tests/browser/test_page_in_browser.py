"""The page of a report, read in a real browser from disk: it draws, sorts and fits, and nothing in it acts or asks."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pages
import places
import pytest
from fixed_run import RUN
from pages import MARKUP, NAME, Page

from schemabench import report
from schemabench.records import Run
from schemabench.report import document, page

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ROOT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
LAPTOP = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
LEAST_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3, for text of usual size."""
_MARKS = """
return [...document.querySelectorAll("figure.chart")].map(chart => [
    chart.querySelector("figcaption").textContent.trim(),
    chart.querySelectorAll(".plot .role-mark path, .plot .role-mark line, .plot .role-mark text").length,
    chart.querySelectorAll(".plot .role-axis-title text").length,
]);
"""
_ORDER = """
const [table, column] = arguments;
const rows = [...document.querySelectorAll("table.sortable")[table].tBodies[0].rows];
return rows.map(row => row.cells[column].dataset.sort).filter(value => value !== undefined).map(Number);
"""
_SORTED_BY = 'return document.querySelectorAll("table.sortable")[arguments[0]].querySelectorAll("th[aria-sort]").length'
_FIRST_NUMBERS = """
const tables = [...document.querySelectorAll("table.sortable")];
for (const [number, table] of tables.entries()) {
    if (table.closest("details:not([open])")) continue;
    for (const [column, heading] of [...table.tHead.rows[0].cells].entries()) {
        const values = [...table.tBodies[0].rows].map(row => row.cells[column].dataset.sort);
        if (new Set(values.filter(Boolean)).size > 2) return [number, column];
    }
}
"""
_FOLDED_SQL = """
return [...document.querySelectorAll("details.candidate:not([open]) .diff, .candidate details:not([open]) .diff")].map(
    lines => lines.checkVisibility())
"""
_OWN_SCRIPTS = """
return document.querySelectorAll("script").length - document.querySelectorAll("figure.chart script").length
"""
_INTRUDE = """
const script = document.createElement("script");
script.textContent = "window.intruder = 1";
document.body.append(script);
script.remove();
document.body.insertAdjacentHTML("beforeend", "<img src='x' onerror='window.intruder = 2'>");
"""
_CONTRASTS = """
const channels = colour => colour.match(/[\\d.]+/g).map(Number);
const over = (top, below) => [0, 1, 2].map(at => top[at] * (top[3] ?? 1) + below[at] * (1 - (top[3] ?? 1)));
const ground = element => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.push(channels(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
};
const light = colour => {
    const [red, green, blue] = colour.map(one => one / 255).map(
        one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
return arguments[0].flatMap(selector => [...document.querySelectorAll(selector)].slice(0, 40)).map(element => {
    const below = ground(element), text = over(channels(getComputedStyle(element).color), below);
    const [dark, bright] = [light(below), light(text)].sort((one, other) => one - other);
    return [`${element.tagName}.${element.className}`, (bright + 0.05) / (dark + 0.05)];
});
"""
_RANKS = """
return [...document.querySelectorAll("section.ranks > .scroll")].map(box => [box.scrollWidth, box.clientWidth]);
"""
_TEXTS = ["p", "td", "th", "dd", "summary", "a", "code", "ins", "del", "mark", "[class*=more-]", "[class*=less-]"]


@pytest.fixture(scope="module")
def browser() -> Iterator["Chrome"]:
    with places.much_memory(), pages.started() as chrome:  # a browser takes 600 MB
        yield chrome


@pytest.fixture(scope="module")
def fixed_tab(browser: "Chrome", tmp_path_factory: pytest.TempPathFactory) -> Page:
    return pages.opened(browser, written(RUN, tmp_path_factory))


@pytest.fixture(scope="module")
def hostile_tab(browser: "Chrome", tmp_path_factory: pytest.TempPathFactory) -> Page:
    return pages.opened(browser, written(pages.hostile(), tmp_path_factory))


@pytest.fixture(
    scope="module", params=sorted((ROOT / "reports" / "example").glob("*.json.gz")), ids=lambda path: path.stem
)
def example_tab(request: pytest.FixtureRequest, browser: "Chrome", tmp_path_factory: pytest.TempPathFactory) -> Page:
    return pages.opened(browser, written(report.read(request.param), tmp_path_factory))


@pytest.fixture
def fixed_page(fixed_tab: Page) -> Page:
    fixed_tab.show()
    return fixed_tab


@pytest.fixture
def hostile_page(hostile_tab: Page) -> Page:
    hostile_tab.show()
    return hostile_tab


def written(run: Run, factory: pytest.TempPathFactory) -> Path:
    path = factory.mktemp("page") / "run.html"
    path.write_text(page.html(document(run)), encoding="utf-8")
    return path


def test_page_is_drawn_from_disk_with_no_complaint_and_asks_for_nothing_else(fixed_page: Page) -> None:
    assert fixed_page.console == ()  # Vega-Embed would complain of charts that are in another version of Vega-Lite
    assert [url for url in fixed_page.requests if not url.startswith(("data:", "blob:"))] == [fixed_page.url]


def test_every_chart_has_marks_and_named_axes(fixed_page: Page) -> None:
    charts = fixed_page.run(_MARKS)

    assert len(charts) >= 4
    assert [title for title, marks, _ in charts if not marks] == []
    assert [title for title, _, titles in charts if not titles] == []


@pytest.mark.parametrize("way", ["click", "keyboard"])
def test_table_is_sorted_by_the_column_that_is_chosen_and_then_the_other_way_round(fixed_page: Page, way: str) -> None:
    from selenium.webdriver.common.by import By  # noqa: PLC0415 (absent where tests are skipped)
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415 (as above)

    table, column = fixed_page.run(_FIRST_NUMBERS)
    heading = fixed_page.browser.find_elements(By.CSS_SELECTOR, "table.sortable")[table].find_elements(
        By.CSS_SELECTOR, "thead button"
    )[column]
    found = []
    for _ in range(2):
        fixed_page.run("arguments[0].scrollIntoView({block: 'center'})", heading)
        if way == "click":
            heading.click()
        else:
            heading.send_keys(Keys.ENTER)
        found.append(fixed_page.run(_ORDER, table, column))

    assert found[0] != found[1]
    assert sorted(found) == sorted([sorted(found[0]), sorted(found[0], reverse=True)])
    assert fixed_page.run(_SORTED_BY, table) == 1, "a screen reader is told by which column"


def test_names_and_sql_are_shown_and_do_nothing(hostile_page: Page) -> None:
    from selenium.webdriver.support.expected_conditions import alert_is_present  # noqa: PLC0415 (as above)

    assert not alert_is_present()(hostile_page.browser)
    assert hostile_page.run("return window.intruder") is None
    assert hostile_page.run("return document.querySelectorAll('img, svg[onload], [onerror]').length") == 0
    text = hostile_page.run("return document.body.textContent")
    assert NAME in text
    assert MARKUP in text


def test_names_and_sql_add_no_element_of_their_own(fixed_page: Page, hostile_tab: Page) -> None:
    fixed_page.show()
    expected = fixed_page.run(_OWN_SCRIPTS)

    hostile_tab.show()

    assert hostile_tab.run(_OWN_SCRIPTS) == expected


def test_hostile_page_is_drawn_with_no_complaint_and_asks_for_nothing(hostile_page: Page) -> None:
    assert hostile_page.console == ()
    assert [url for url in hostile_page.requests if not url.startswith(("data:", "blob:"))] == [hostile_page.url]


def test_policy_lets_nothing_run_that_is_not_the_pages_own(fixed_page: Page) -> None:
    policy = fixed_page.run(
        "return document.querySelector('meta[http-equiv=Content-Security-Policy]').getAttribute('content')"
    )

    fixed_page.run(_INTRUDE)

    assert "default-src 'none'" in policy
    assert not re.search(r"script-src[^;]*'unsafe-inline'", policy)
    assert "http" not in policy
    assert fixed_page.run("return window.intruder") is None


def test_page_fits_a_phone(fixed_page: Page) -> None:
    fixed_page.emulate("setDeviceMetricsOverride", **PHONE)

    assert fixed_page.run("return document.documentElement.scrollWidth") <= PHONE["width"]


def test_table_of_ranks_is_no_wider_than_a_laptop(fixed_page: Page, example_tab: Page) -> None:
    for one in (fixed_page, example_tab):
        one.show()
        one.emulate("setDeviceMetricsOverride", **LAPTOP)
        found = one.run(_RANKS)

        assert found
        assert [(wide, room) for wide, room in found if wide > room] == [], "it scrolls"


def test_sql_that_is_folded_away_is_shown_on_paper(fixed_page: Page) -> None:
    on_screen = fixed_page.run(_FOLDED_SQL)

    fixed_page.emulate("setEmulatedMedia", media="print")

    assert on_screen
    assert not any(on_screen)
    assert all(fixed_page.run(_FOLDED_SQL))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_every_ground(fixed_page: Page, scheme: str) -> None:
    fixed_page.run("document.documentElement.dataset.theme = arguments[0]", scheme)

    contrasts = fixed_page.run(_CONTRASTS, _TEXTS)

    assert len(contrasts) > 100
    assert [(element, ratio) for element, ratio in contrasts if ratio < LEAST_CONTRAST] == []
