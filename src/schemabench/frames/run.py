"""The content of a run as DataFrames.

Owns the set of tables and their documentation.
"""

from collections.abc import Iterator

from schemabench.frames import around, comparing, growing, measuring, waiting
from schemabench.frames.table import Table
from schemabench.records import Run


class RunFrames:
    """A run as tidy DataFrames: a row for each observation, a column for each variable.

    Each attribute but `run` is a DataFrame, built on first access:

        experiments, candidates, standings, pairs, writers, costs, adequacy,
        pace, soak     how candidates compare
        trials, calls, writer_trials, latencies, percentiles, retries, companions, interference,
        staleness, soak_turns     what was measured
        contention, wait_events, locks, lock_pairs, plans, inner_plans,
        grown_plans     why
        sizes, settings, noise, options, notices     what it was measured with
        probes, spots, map_cells     what searches over cardinalities found
        growth, projections, forecasts    how candidates grow

    `help(RunFrames.trials)` documents its columns. Columns and types do not depend on the run; a table without data has
    no rows; `trials` has one more column for each counter of the server. Units are part of column names; shares run
    from 0 to 1. Join tables on `workload`, `cardinality` and `candidate`, and trials on `block`, too. A figure with an
    interval has two more columns, as in `ratio_low` and `ratio_high`: with too few blocks for one, the observed range.

    Args:
        run: The record that the tables are built from.

    Examples:
        >>> from schemabench import load_run
        >>> run = load_run("reports/example/pageviews_at_typical.json.gz")
        >>> list(run.writers["writer"].unique())
        ['loader', 'reader']
    """

    experiments = comparing.EXPERIMENTS
    candidates = comparing.CANDIDATES
    standings = comparing.STANDINGS
    pairs = comparing.PAIRS
    writers = comparing.WRITERS
    costs = comparing.COSTS
    adequacy = comparing.ADEQUACY
    pace = comparing.PACE
    soak = comparing.SOAK

    trials = measuring.TRIALS
    calls = measuring.CALLS
    writer_trials = measuring.WRITER_TRIALS
    latencies = measuring.LATENCIES
    percentiles = measuring.PERCENTILES
    retries = measuring.RETRIES
    companions = measuring.COMPANIONS
    interference = measuring.INTERFERENCE
    staleness = measuring.STALENESS
    soak_turns = measuring.SOAK_TURNS

    contention = waiting.CONTENTION
    wait_events = waiting.WAIT_EVENTS
    locks = waiting.LOCKS
    lock_pairs = waiting.LOCK_PAIRS
    plans = waiting.PLANS
    inner_plans = waiting.INNER_PLANS
    grown_plans = waiting.GROWN_PLANS

    sizes = around.SIZES
    settings = around.SETTINGS
    noise = around.NOISE
    options = around.OPTIONS
    notices = around.NOTICES

    probes = around.PROBES
    spots = around.SPOTS
    map_cells = around.MAP_CELLS

    growth = growing.GROWTH
    projections = growing.PROJECTIONS
    forecasts = growing.FORECASTS

    def __init__(self, run: Run) -> None:
        self.run = run

    def __repr__(self) -> str:
        """Return a short description of the run."""
        experiments = ", ".join(f"{one.workload} at {one.cardinality}" for one in self.run.experiments)
        return f"<run {self.run.run_id} of {self.run.started}: {experiments or 'no experiments'}>"


def tables() -> dict[str, Table]:
    """Return all tables by name, in the order of the class."""
    return {name: value for name, value in vars(RunFrames).items() if isinstance(value, Table)}


def markdown() -> str:
    """Return all tables with their columns, for docs/data.md."""
    return "\n\n".join("\n".join(_section(name, table)) for name, table in tables().items())


def _section(name: str, table: Table) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield f"{table.about}\n"
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column in table.columns:
        yield f"| `{column.name}` | {column.dtype} | {column.meaning} |"
