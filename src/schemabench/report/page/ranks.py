"""The section of ranks: throughput and lock waits side by side, their Pareto plot, and the table of both.

Owns what stands in the section and in the table. Must not word a verdict, nor rank.
"""

from collections.abc import Sequence

from markupsafe import Markup

from schemabench.records import CandidateResult, Experiment, LockStanding, Run, Standing
from schemabench.report import contention, figures, verdict, writers
from schemabench.report.page import forest, wording
from schemabench.report.page.footnotes import marks
from schemabench.report.page.looks import looks
from schemabench.report.page.pareto import pareto
from schemabench.report.page.section import Section
from schemabench.report.page.tables import Cell, Column, table
from schemabench.report.page.templates import render
from schemabench.report.verdict import BASELINE

_COLUMNS = (
    Column(heading="candidate"),
    Column(heading="rank", number=True),
    Column(heading="throughput over the baseline's [95 % interval]", number=True),
    Column(heading="rows/s [95 % interval]", number=True),
    Column(heading="operations/s [95 % interval]", number=True),
)
_LOCK_COLUMNS = (
    Column(heading="rank by lock waits", number=True),
    Column(heading="lock waits, % of the writers' time [95 % interval]", number=True),
    Column(heading="on the Pareto front"),
)
_ABOUT_COLUMN = Column(heading="what it is", prose=True)


def section(experiment: Experiment, run: Run) -> Section | None:
    """Return the ranks of an experiment; None where nothing was ranked."""
    ranked = verdict.ranked(experiment)
    if not ranked:
        return None
    known = looks(run, experiment.workload)
    placed = [(result, standing, result.lock_standing) for result, standing in ranked if result.lock_standing]
    locks = [lock for _, _, lock in placed]
    html = render(
        "ranks.html.j2",
        throughput=forest.throughput(experiment, [standing for _, standing in ranked], known),
        lock_waits=forest.lock_waits(experiment, locks, known) if locks else "",
        pareto=pareto(placed, known) if len(placed) > 1 else "",
        key=[(result.name, known[result.name]) for result, _ in ranked],
        table=_table(experiment, run, locks),
        writers=_writers(experiment, run),
        ties=wording.sentence(verdict.ties_across_ranks(experiment, wording.name)),
        control=wording.sentence(verdict.control(experiment)),
        lock_control=wording.sentence(contention.control(experiment)),
        sampled=bool(locks),
        pauses=wording.sentence(contention.pauses(experiment, wording.name)),
    )
    return Section(id="ranks", title="Ranks", html=html)


def _table(experiment: Experiment, run: Run, locks: Sequence[LockStanding]) -> Markup:
    """Return the table of everything that is ranked, in order of rank."""
    ranked = verdict.ranked(experiment)
    standings = [standing for _, standing in ranked]
    places = figures.decimals(experiment)
    rows = [
        [
            Cell(text=wording.code(result.name) + marks(result.notices, experiment, run)),
            Cell(text=verdict.place(experiment, standing, standings), sort=standing.rank),
            _ratio(standing, places),
            Cell(
                text=figures.rate_with_interval(result.rows_per_s),
                sort=result.rows_per_s.value if result.rows_per_s else None,
            ),
            Cell(
                text=figures.rate_with_interval(result.operations_per_s),
                sort=result.operations_per_s.value if result.operations_per_s else None,
            ),
            *(_lock_cells(experiment, result, locks) if locks else ()),
            result.summary,
        ]
        for result, standing in ranked
    ]
    columns = [*_COLUMNS, *(_LOCK_COLUMNS if locks else ()), _ABOUT_COLUMN]
    return table(columns, rows, "Candidates in order of rank; = marks a tie")


def _writers(experiment: Experiment, run: Run) -> Markup:
    """Return the table of each writer's own ratio; nothing where there is one writer."""
    rows = [
        (wording.code(result.name) + marks(result.notices, experiment, run), *cells)
        for result, cells in writers.rows(experiment)
    ]
    columns = [Column(heading="candidate"), *(Column(heading=one, number=True) for one in writers.names(experiment))]
    return table(columns, rows, f"{writers.TITLE}: {writers.LEGEND}") if rows else Markup()


def _ratio(standing: Standing, places: int) -> Cell:
    shown = figures.BASELINE_RATIO if standing.name == BASELINE else figures.stood(standing, places)
    return Cell(text=shown, sort=standing.ratio.value)


def _lock_cells(experiment: Experiment, result: CandidateResult, locks: Sequence[LockStanding]) -> list[object]:
    own, front = result.lock_standing, "yes" if result.on_front else ""
    if own is None:
        return [figures.DASH, figures.DASH, front]
    return [
        Cell(text=verdict.place(experiment, own, locks), sort=own.rank),
        Cell(text=figures.share_with_interval(own.share), sort=own.share.value),
        front,
    ]
