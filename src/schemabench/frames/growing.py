"""The growth curves of a run: figures at each step, what is projected, and what was forecast of the last.

Owns the columns of growth.
"""

from collections.abc import Iterator

from schemabench.frames.table import FLAG, MAYBE_WHOLE, REAL, TEXT, Column, Row, Table, estimated, fields, spread
from schemabench.records import Run

_CURVE = (
    Column("workload", TEXT, "the workload's name"),
    Column("over", TEXT, "what the curve is over: `clients`, `round_trip_ms`, or a field of the cardinality"),
    Column("value", REAL, "its value"),
    Column("candidate", TEXT, "the candidate's name"),
)
_STEP = (
    Column("cardinality", TEXT, "the cardinality of the step's experiment, which is in the other tables"),
    *estimated("calls_per_s", "calls per second, each counted once; missing: not ranked"),
    *estimated("p50_ns", "median service time of all calls, in nanoseconds; missing: too few calls or blocks"),
    *estimated("p99_ns", "their 99th percentile, likewise"),
    *estimated(
        "wal_bytes_per_call", "WAL per call, in bytes, in the first six trials on each copy; missing: not reported"
    ),
    Column("bytes_per_row", REAL, "tables and indexes per row of the background, before the first block"),
    Column("rows", MAYBE_WHOLE, "rows of the background"),
    Column("own_rows", MAYBE_WHOLE, "the part of them that was loaded for this step"),
    Column("has_few_trials", FLAG, "whether it left after so few trials that its intervals are ranges"),
    Column("is_limited", FLAG, "whether the load generator limited it, so that `calls_per_s` is a lower bound"),
    Column("reason", TEXT, "why there are no figures; empty if there are"),
)
_PROJECTED = (
    Column("measure", TEXT, "what is projected, as in `calls_per_s` of `growth`"),
    Column("law", TEXT, "the law that predicted the last step best"),
    *estimated("figure", "the projected figure"),
)
_FORECASTS = (
    Column("measure", TEXT, "what is forecast, as in `calls_per_s` of `growth`"),
    Column("law", TEXT, "the law that predicted the last of the other steps best"),
    *estimated("figure", "the forecast figure; missing: refused"),
    *estimated("measured", "what was measured afterwards; missing: it was not"),
    Column("at", TEXT, "when it was recorded, in UTC"),
    Column("refused", TEXT, "why nothing was forecast; empty if something was"),
)


def _steps(run: Run) -> Iterator[Row]:
    for growth in run.growths:
        for step in growth.steps:
            for one in step.figures:
                yield {
                    "workload": growth.workload,
                    "over": growth.over,
                    "value": step.value,
                    "cardinality": step.cardinality,
                    **fields(one, (*_CURVE, *_STEP)),
                    **spread("calls_per_s", one.calls_per_s),
                    **spread("p50_ns", one.p50_ns),
                    **spread("p99_ns", one.p99_ns),
                    **spread("wal_bytes_per_call", one.wal_bytes_per_call),
                    "rows": one.loaded.rows if one.loaded else None,
                    "own_rows": one.loaded.own_rows if one.loaded else None,
                }


def _points(run: Run) -> Iterator[Row]:
    for growth in run.growths:
        for projection in growth.projections:
            for point in projection.points:
                yield {
                    "workload": growth.workload,
                    "over": growth.over,
                    "value": point.value,
                    "candidate": projection.candidate,
                    "measure": projection.measure,
                    "law": projection.law,
                    **spread("figure", point.figure),
                }


def _forecast(run: Run) -> Iterator[Row]:
    for growth in run.growths:
        for one in growth.forecasts:
            yield {
                "workload": growth.workload,
                "over": growth.over,
                **fields(one, (*_CURVE, *_FORECASTS)),
                **spread("figure", one.figure),
                **spread("measured", one.measured),
            }


GROWTH = Table("A row for each candidate at each measured step of a growth curve.", (*_CURVE, *_STEP), _steps)
PROJECTIONS = Table("A row for each value to which a curve is projected.", (*_CURVE, *_PROJECTED), _points)
FORECASTS = Table(
    "A row for each figure of a curve's last step that was forecast before it was measured.",
    (*_CURVE, *_FORECASTS),
    _forecast,
)
