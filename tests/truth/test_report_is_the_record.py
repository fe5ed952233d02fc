"""Every figure of a report is what the raw trials of its run file say, whichever format shows it.

Figures are read back from the text of the terminal, of the Markdown and of the page, and compared, to the last digit
that is shown, with what brute force makes of the trials: of a run measured now, so that today's figures are tried, and
of a run file that is kept, so that drawing is. Of the run of the golden files, whose trials are made up, and of
percentiles, whose samples no run file holds, the record is what reports are compared with.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import reckoned
import shown
from drawn import markdown
from fixed_run import RUN
from laboratory import Laboratory
from shown import Table, column, figures, of_candidates

from schemabench import Call, Writer, report
from schemabench.records import CandidateResult, Run
from schemabench.report import costs as cost_headings

KEPT = Path(__file__).parent / "run_files" / "commits_paid_for.json"
PRODUCTION_S = 0.25
"""What the smallest burst of the run that is measured now stands for."""
NOT_BY_TRIAL = ("table_bytes", "index_bytes", "dead_rows_left", "table_size", "index_size")
"""Costs that no trial holds: files are looked at before the first and after the last."""
STEADY, NEARLY = ("blocks_hit", "rows_dead"), 0.05
"""Costs so free of noise that however the centre of their ratio is defined, it is that of two sums within 5 %."""
WIDTH = 200
"""Columns of the terminal: no name is shortened."""
ITEM = "CREATE TABLE item (key integer PRIMARY KEY, value bigint NOT NULL, rest text);\n"
FILL = "INSERT INTO item SELECT key, 0, repeat('x', 50) FROM generate_series(1, 500) AS key;\n"
CANDIDATES = {
    "baseline": ITEM + FILL,
    "indexed": f"{ITEM}{FILL}CREATE INDEX ON item (value);\nCREATE INDEX ON item (rest, value);\n",
    "roomy": ITEM.replace(");", ") WITH (fillfactor = 50);") + FILL,
}
OPERATIONS = """\
-- name: add
UPDATE item SET value = value + 1 WHERE key = :key::integer;
SELECT pg_sleep(0.001);
-- name: enter
INSERT INTO item VALUES (:key::integer, 0, 'new') ON CONFLICT (key) DO UPDATE SET rest = excluded.rest;
"""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One experiment, and what each format shows of it."""

    run: Run
    raw: Mapping[str, Any] | None
    """The experiment in the run file; None where its trials are made up."""
    terminal: Table
    markdown: list[Table]
    page: dict[str, Table]

    @property
    def results(self) -> list[CandidateResult]:
        """The ranked candidates."""
        return [one for one in self.run.experiments[0].candidates if one.standing]

    @property
    def candidates(self) -> list[Mapping[str, Any]]:
        """The same in the run file."""
        assert self.raw is not None
        return [one for one in self.raw["candidates"] if reckoned.standing(one, "throughput")]

    def ranks(self) -> Iterator[Table]:
        """Yield the table of ranks of each format."""
        yield self.terminal
        yield of_candidates(self.markdown, "^rank$", "^ratio")
        yield self.page["Candidates in order of rank; = after a rank: others share it"]

    def tables(self) -> Iterator[list[Table]]:
        """Yield the tables of the formats that show everything."""
        yield self.markdown
        yield list(self.page.values())


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield writes of a few rows, so that writers meet."""
    while True:
        yield Call("add", {"key": random.randint(1, 5)})
        yield Call("enter", {"key": random.randint(1, 2_000)})


def draw(run: Run, raw: Mapping[str, Any] | None, folder: Path) -> Drawn:
    """Draw a run of one experiment in every format."""
    report.write(run, folder / "run.html")
    return Drawn(
        run=run,
        raw=raw,
        terminal=shown.terminal(report.terminal(run, WIDTH)),
        markdown=shown.markdown(markdown(run)),
        page=shown.page((folder / "run.html").read_text(encoding="utf-8")),
    )


@pytest.fixture(scope="module")
def measured(laboratory: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measure now, and return the run file."""
    experiment = laboratory.rank(
        operations=OPERATIONS,
        candidates=CANDIDATES,
        writers=[Writer(name="adding", kind="stream", weight=4, clients=4)],
        burst=burst,
        budget_s=8,
        production_s=PRODUCTION_S,
        criteria=("throughput", "lock_waits", "wal_bytes"),
    )
    path = tmp_path_factory.mktemp("runs") / "run.json"
    report.write_json({}, replace(RUN, experiments=(experiment,), crossovers=(), maps=()), path)
    return path


@pytest.fixture(scope="module", params=["measured now", "kept"])
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Return a run whose trials are real."""
    path = KEPT if request.param == "kept" else request.getfixturevalue("measured")
    raw = json.loads(path.read_text(encoding="utf-8"))["schemabench"]["experiments"][0]
    return draw(report.read(path), raw, tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module", params=["measured now", "kept", "made up"])
def any_drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Return a run, also the one whose trials are made up."""
    if request.param == "made up":
        return draw(replace(RUN, experiments=RUN.experiments[:1]), None, tmp_path_factory.mktemp("drawn"))
    path = KEPT if request.param == "kept" else request.getfixturevalue("measured")
    return draw(report.read(path), None, tmp_path_factory.mktemp("drawn"))


def check(cells: Mapping[str, str], exact: Mapping[str, float], place: int = 0) -> None:
    """See that the figure at a place of each candidate's cell is the exact one, rounded."""
    assert set(cells) == set(exact)
    for name, value in exact.items():
        assert figures(cells[name])[place].shows(value), f"{name}: {cells[name]} is not {value}"


def test_ranks_and_ratios_are_those_of_the_trials(drawn: Drawn) -> None:
    baseline = next(one for one in drawn.candidates if one["name"] == "baseline")
    ratios = {one["name"]: reckoned.ratio(one, baseline) for one in drawn.candidates}
    ranks = {one: float(rank) for one, rank in reckoned.places(drawn.candidates, "throughput").items()}

    for table in drawn.ranks():
        check(column(table, r"^ratio|^throughput over"), ratios)
        check({name: cell.strip("=") for name, cell in column(table, r"^rank$").items()}, ranks)


def test_rates_are_those_of_the_trials(drawn: Drawn) -> None:
    rates = {
        what: {one["name"]: reckoned.rate(one, what) for one in drawn.candidates} for what in ("rows", "operations")
    }

    for table in drawn.ranks():
        check(column(table, r"^rows/s"), rates["rows"])
        if cells := column(table, r"^operations/s"):
            check(cells, rates["operations"])


def test_lock_waits_and_ranks_by_them_are_those_of_the_looks(drawn: Drawn) -> None:
    shares = reckoned.lock_shares(drawn.candidates)
    ranks = {name: float(rank) for name, rank in reckoned.places(drawn.candidates, "lock_waits").items()}

    for table in drawn.ranks():
        check(column(table, r"^locks$|^lock waits"), shares)
        check({name: cell.strip("=") for name, cell in column(table, r"^rank by lock").items()}, ranks)


def test_wait_classes_are_those_of_the_looks(drawn: Drawn) -> None:
    classes = {one["name"]: reckoned.wait_classes(one) for one in drawn.candidates}

    for tables in drawn.tables():
        table = of_candidates(tables, r"^running", r"^LWLock")
        for kind in next(iter(classes.values())):
            check(column(table, rf"^{kind}( |$)"), {name: some[kind] for name, some in classes.items()})


def test_figures_and_ranks_by_a_cost_are_those_of_the_counters(measured: Path, tmp_path: Path) -> None:
    raw = json.loads(measured.read_text(encoding="utf-8"))["schemabench"]["experiments"][0]
    drawn = draw(report.read(measured), raw, tmp_path)
    amounts = {one["name"]: reckoned.costs(one)["wal_bytes"] for one in drawn.candidates}
    ties = {one.name: one.standings["wal_bytes"].tied_with for one in drawn.results}
    ranks = {
        name: 1.0 + sum(less < amount for other, less in amounts.items() if other not in ties[name])
        for name, amount in amounts.items()
    }

    assert amounts["indexed"] > amounts["baseline"], "two more indexes write more, though on a busy machine all may tie"
    for table in drawn.ranks():
        check(column(table, r"^WAL$|^WAL per row \["), amounts)
        check({name: cell.strip("=") for name, cell in column(table, "^rank by WAL").items()}, ranks)


def test_costs_are_those_of_the_counters(drawn: Drawn) -> None:
    reckoned_costs = {one["name"]: reckoned.costs(one) for one in drawn.candidates}
    for measure in drawn.results[0].costs:
        exact = {name: some[measure.name] for name, some in reckoned_costs.items() if measure.name in some}
        if not exact:
            assert measure.name in NOT_BY_TRIAL or measure.value is None, measure.name
            continue
        for tables in drawn.tables():
            heading = f"^{re.escape(cost_headings.heading(measure))}$"
            check(column(of_candidates(tables, heading), heading), exact)


def test_ratios_of_steady_costs_are_those_of_the_sums(drawn: Drawn) -> None:
    sums = {one["name"]: reckoned.costs(one) for one in drawn.candidates}
    for measure in (one for one in drawn.results[0].costs if one.name in STEADY):
        for tables in drawn.tables():
            heading = f"^{re.escape(cost_headings.heading(measure))}$"
            for name, cell in column(of_candidates(tables, heading), heading).items():
                if name != "baseline":
                    exact = sums[name][measure.name] / sums["baseline"][measure.name]
                    assert figures(cell)[1].value == pytest.approx(exact, rel=NEARLY, abs=0.01), f"{name}: {cell}"


def test_headroom_is_throughput_over_productions(drawn: Drawn) -> None:
    assert drawn.raw is not None
    bursts = {one["name"]: reckoned.rate(one) for one in drawn.candidates}
    least, most = min(bursts, key=lambda name: bursts[name]), max(bursts, key=lambda name: bursts[name])
    sentence = " ".join(report.terminal(drawn.run, WIDTH).partition("headroom: ")[2].split())
    found = re.match(r"from (\S+)x \[.*?\] \((\w+)\) to (\S+)x \[.*?\] \((\w+)\) the production load", sentence)

    assert found, sentence
    assert (found[2], found[4]) == (least, most)
    slow, fast = figures(found[1])[0], figures(found[3])[0]
    if drawn.raw["workload"] == "laboratory":
        size = drawn.raw["operations"] / 4
        assert slow.shows(bursts[least] * PRODUCTION_S * size)
        assert fast.shows(bursts[most] * PRODUCTION_S * size)
    assert fast.value / slow.value == pytest.approx(bursts[most] / bursts[least], rel=0.01)


def test_percentiles_are_those_of_the_record(any_drawn: Drawn) -> None:
    for result in any_drawn.results:
        known = {one.operation: one.p95_ns / 1e9 for one in result.latencies if one.p95_ns is not None}
        slowest = column(any_drawn.terminal, "^p95$")[result.name]
        assert figures(slowest)[0].shows(max(known.values())), f"{result.name}: {slowest}"
        for operation, exact in known.items():
            own = any_drawn.page[f"{operation}: service time"]
            assert figures(column(own, "^p95$")[result.name])[0].shows(exact), operation
    for table in (table for table in any_drawn.markdown if table and {"p95", "retries"} <= set(table[0])):
        for name, cell in column(table, "^p95$").items():
            latencies = next(one.latencies for one in any_drawn.results if one.name == name)
            exact_ns = [one.p95_ns for one in latencies if one.p95_ns is not None]
            assert cell == "-" or any(figures(cell)[0].shows(one / 1e9) for one in exact_ns)


def test_ratios_rates_and_lock_waits_are_those_of_the_record(any_drawn: Drawn) -> None:
    results = any_drawn.results
    ratios = {one.name: one.standing.to_baseline.value for one in results if one.standing}
    rates = {one.name: one.rows_per_s.value for one in results if one.rows_per_s}
    locks = {one.name: one.standings["lock_waits"].figure.value for one in results if "lock_waits" in one.standings}

    for table in any_drawn.ranks():
        check(column(table, r"^ratio|^throughput over"), ratios)
        check(column(table, r"^rows/s"), rates)
        check(column(table, r"^locks$|^lock waits"), locks)


def test_costs_and_their_ratios_are_those_of_the_record(any_drawn: Drawn) -> None:
    for position, measure in enumerate(any_drawn.results[0].costs):
        own = {one.name: one.costs[position] for one in any_drawn.results}
        heading = f"^{re.escape(cost_headings.heading(measure))}$"
        for tables in any_drawn.tables():
            for name, cell in column(of_candidates(tables, heading), heading).items():
                cost = own[name]
                assert figures(cell)[:1] == [] if cost.value is None else figures(cell)[0].shows(cost.value), cell
                if cost.ratio is not None:
                    assert figures(cell)[1].shows(cost.ratio.value), f"{name}: {cell}"
