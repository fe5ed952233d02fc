"""Pages in a browser that has no way to any network: of the fixed run, and of one that tries to break out."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import places
import programs
import pytest
from fixed_run import RUN

from schemabench.records import CandidateResult, Experiment, Run

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

LIMIT_S = 60
"""No page takes longer to be drawn, however busy the machine is."""
BROWSER_S = 1200
"""No browser is at work for longer: all tests of a module share it."""
NAME = "<img src=x onerror=alert(1)>"
"""A candidate's, or anything's that a page shows."""
MARKUP = "</script><script>window.intruder = 1; alert(2)</script><!-- '\"><svg onload=alert(3)>"
_ALL_CHARTS_DRAWN = """
const plots = [...document.querySelectorAll("figure.chart .plot")];
return plots.length > 0 && plots.every(plot => plot.querySelector("svg, canvas"));
"""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page that is open in the browser."""

    browser: "Chrome"
    tab: str
    url: str
    console: tuple[str, ...]
    """What the browser complained about while it was loaded."""
    requests: tuple[str, ...]
    """The addresses that it asked for meanwhile."""

    def show(self) -> None:
        """Have the browser turn to the page, on a usual screen."""
        self.browser.switch_to.window(self.tab)
        self.emulate("clearDeviceMetricsOverride")
        self.emulate("setEmulatedMedia", media="")

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 (whatever JSON the script returns)
        """Return what a script returns that is run in the page."""
        return self.browser.execute_script(script, *arguments)

    def emulate(self, command: str, **parameters: object) -> None:
        """Have the browser play another screen or another reader."""
        self.browser.execute_cdp_cmd(f"Emulation.{command}", parameters)


@contextmanager
def started() -> Iterator["Chrome"]:
    """Start a browser for as long as the context lives; skip the test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install '.[test]'")
    program, driver = which("chromium"), which("chromedriver")
    if not program or not driver:
        pytest.skip("there is no browser to be driven: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.add_argument("--headless=new")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")  # the network is cut
    options.add_argument("--disable-background-networking")
    options.add_argument("--disable-dev-shm-usage")  # which is small in containers
    options.add_argument("--no-sandbox")  # which root and most containers have none of; pages are our own
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with places.place() as place:
        options.binary_location = str(programs.script(place / "chromium", program, limit_s=BROWSER_S))
        script = programs.script(place / "chromedriver", driver, limit_s=BROWSER_S)
        service = webdriver.ChromeService(executable_path=str(script), env={**os.environ, "TMPDIR": str(place)})
        chrome = webdriver.Chrome(options=options, service=service)
        chrome.set_page_load_timeout(LIMIT_S)
        try:
            yield chrome
        finally:
            chrome.quit()


def opened(browser: "Chrome", path: Path) -> Page:
    """Open a page in a tab of its own, and wait until its charts are drawn."""
    from selenium.webdriver.support.wait import WebDriverWait  # noqa: PLC0415 (absent where tests are skipped)

    browser.switch_to.new_window("tab")
    for log in ("browser", "performance"):
        browser.get_log(log)  # of the page before
    browser.get(path.as_uri())
    WebDriverWait(browser, LIMIT_S).until(lambda found: found.execute_script(_ALL_CHARTS_DRAWN))
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return Page(
        browser=browser,
        tab=browser.current_window_handle,
        url=path.as_uri(),
        console=tuple(entry["message"] for entry in browser.get_log("browser")),
        requests=tuple(
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ),
    )


def hostile() -> Run:
    """Return the fixed run with texts that try to break out of a page."""
    return replace(
        RUN,
        experiments=tuple(_hostile(experiment) for experiment in RUN.experiments),
        command=MARKUP,
        options=tuple(replace(one, value=MARKUP) for one in RUN.options),
        machine={NAME: MARKUP, **RUN.machine},
    )


def _hostile(experiment: Experiment) -> Experiment:
    """Return an experiment in which two candidates, their lock waits and plans have hostile names, and all have SQL."""
    first, second, *others = experiment.candidates
    candidates = [_renamed(first, NAME), _renamed(second, MARKUP), *others]
    return replace(
        experiment,
        summary=MARKUP,
        values={NAME: MARKUP},
        replay={NAME: MARKUP},
        operations_sql={NAME: MARKUP},
        candidates=tuple(replace(one, sql=f"{one.sql}-- {MARKUP}\nSELECT '{MARKUP}';\n") for one in candidates),
        notices=tuple(replace(notice, text=f"{notice.text} {MARKUP}") for notice in experiment.notices),
    )


def _renamed(result: CandidateResult, name: str) -> CandidateResult:
    locks = result.contention.locks if result.contention else ()
    contention = result.contention and replace(
        result.contention, locks=tuple(replace(lock, relation=NAME) for lock in locks)
    )
    return replace(
        result,
        name=name,
        summary=MARKUP,
        expects=MARKUP,
        standings={criterion: replace(one, name=name) for criterion, one in result.standings.items()},
        contention=contention,
        plans=tuple(
            replace(plan, nodes=MARKUP, summary=f"{MARKUP}; 1 row", same=False, plan=[{"Plan": {"Node Type": MARKUP}}])
            for plan in result.plans
        ),
        latencies=tuple(replace(one, operation=NAME) for one in result.latencies[:1]),
    )
