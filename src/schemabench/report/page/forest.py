"""Forest plots: a point and its interval for each candidate, in order of rank.

Owns the two of them, ratios of throughput and shares of lock waits, each with the control's band. Must not rank.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import altair as alt
from markupsafe import Markup

from schemabench.records import Estimate, Experiment, LockStanding, Standing
from schemabench.report import figures
from schemabench.report.page.charts import data, figure
from schemabench.report.page.looks import Look, scale
from schemabench.report.page.tables import Cell, Column, table
from schemabench.report.verdict import BASELINE

_ROW_PX = 26
"""Of one candidate: a line of text, and room to tell the rows apart."""
_POINT_PX2 = 70
_RATIO_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, *(tenth / 10 for tenth in range(8, 16)), 1.75)
_LARGE_RATIO_TICKS = (2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0, 50.0, 100.0)
"""Of a log scale, densest where most ratios are; labels that would overlap are left out."""
_PADDING_PX = 8
"""So that no mark is cut at the edge."""


Axis = TypeVar("Axis", alt.X, alt.Y)


@dataclass(frozen=True, kw_only=True)
class _Plot:
    """What differs between the two."""

    title: str
    axis: Callable[[str], alt.X]
    """The horizontal axis over a field of the rows."""
    at: float | None
    """Where a line stands for no difference to the baseline; None for no line."""
    band: Estimate | None
    """What the control says of chance; None where it says nothing."""
    shown: Callable[[Estimate], str]
    """How the band is written."""


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One candidate."""

    name: str
    figure: Estimate
    text: str
    """How the figure is written."""
    at_least: bool = False
    """Whether it is a lower bound."""


def throughput(experiment: Experiment, standings: Sequence[Standing], known: Mapping[str, Look]) -> Markup:
    """Return the plot of throughput, as a ratio to the baseline's on a log scale."""
    places = figures.decimals(experiment)
    plot = _Plot(
        title="Throughput, as a ratio to the baseline's",
        axis=ratio_axis,
        at=1.0,
        band=experiment.control.ratio if experiment.control else None,
        shown=lambda estimate: figures.ratio_with_interval(estimate, places),
    )
    rows = [
        _Row(name=one.name, figure=one.ratio, text=figures.stood(one, places), at_least=one.at_least)
        for one in standings
        if on_log_scale(one.ratio)
    ]
    return _drawn(plot, rows, known)


def lock_waits(experiment: Experiment, standings: Sequence[LockStanding], known: Mapping[str, Look]) -> Markup:
    """Return the plot of lock waits, as a share of the writers' time."""
    baseline = next((one.share for one in standings if one.name == BASELINE), None)
    plot = _Plot(
        title="Lock waits, as a share of the writers' time",
        axis=partial(share_axis, alt.X),
        at=baseline.value if baseline else None,
        band=_around(baseline, experiment.lock_control) if baseline else None,
        shown=figures.share_with_interval,
    )
    rows = [_Row(name=one.name, figure=one.share, text=figures.share_with_interval(one.share)) for one in standings]
    return _drawn(plot, rows, known)


def ratio_axis(field: str) -> alt.X:
    """Return the horizontal axis of ratios to the baseline's throughput."""
    return alt.X(
        f"{field}:Q",
        title="throughput over the baseline's (ratio, log scale)",
        scale=alt.Scale(type="log", nice=False, padding=_PADDING_PX),
        axis=alt.Axis(values=[*_RATIO_TICKS, *_LARGE_RATIO_TICKS], format="~g"),
    )


def share_axis(channel: type[Axis], field: str) -> Axis:
    """Return the axis of shares of lock waits, horizontal or vertical."""
    return channel(
        f"{field}:Q",
        title="lock waits (% of the writers' time)",
        scale=alt.Scale(nice=False, zero=True, padding=_PADDING_PX),
        axis=alt.Axis(format=".0%"),
    )


def _drawn(plot: _Plot, found: Sequence[_Row], known: Mapping[str, Look]) -> Markup:
    """Return the plot; nothing where there is nothing that can be drawn."""
    if not found:
        return Markup()
    names = [row.name for row in found]
    rows = [
        {
            "candidate": row.name,
            "value": row.figure.value,
            "low": row.figure.low,
            "high": row.figure.high,
            "interval": row.text,
            "bound": row.at_least,
        }
        for row in found
    ]
    line = alt.Chart().encode(
        y=alt.Y("candidate:N", sort=names, title=None),
        color=alt.Color("candidate:N", scale=scale(known, names, "colour"), legend=None),
        tooltip=[alt.Tooltip("candidate:N"), alt.Tooltip("interval:N")],
    )
    layers = [
        *_background(plot),
        line.mark_rule(strokeWidth=2).encode(x=plot.axis("low"), x2=alt.X2("high:Q")),
        line.mark_point(filled=True, size=_POINT_PX2, opacity=1).encode(
            x=plot.axis("value"), shape=alt.Shape("candidate:N", scale=scale(known, names, "shape"), legend=None)
        ),
        *([_arrow(line).encode(x=plot.axis("high"))] if any(row.at_least for row in found) else ()),
    ]
    chart = alt.LayerChart(layer=layers, data=data(rows), height=_ROW_PX * len(rows))
    return figure(chart, plot.title, _described(plot, found), _table(plot, found))


def _arrow(base: alt.Chart) -> alt.Chart:
    """Return what says of a lower bound that the figure may lie farther right."""
    arrow: alt.Chart = base.transform_filter("datum.bound").mark_text(text="\u2192", align="left", dx=2, fontSize=16)
    return arrow


def _background(plot: _Plot) -> list[alt.Chart]:
    """Return the band of chance and the line of the baseline, behind everything else."""
    layers = []
    if plot.band is not None:
        band = alt.Chart(data([{"low": plot.band.low, "high": plot.band.high}]))
        layers.append(band.mark_rect(color="var(--band)").encode(x=plot.axis("low"), x2=alt.X2("high:Q")))
    if plot.at is not None:
        line = alt.Chart(data([{"value": plot.at}]))
        layers.append(line.mark_rule(color="var(--baseline)", strokeDash=[3, 3]).encode(x=plot.axis("value")))
    return layers


def _described(plot: _Plot, found: Sequence[_Row]) -> str:
    """Return the plot in words."""
    said = "; ".join(f"{row.name} {row.text}" for row in found)
    band = f" The band, {plot.shown(plot.band)}, is what chance makes of the baseline itself." if plot.band else ""
    return f"A point and a 95 % interval for each candidate: {said}.{band}"


def _table(plot: _Plot, found: Sequence[_Row]) -> Markup:
    columns = [Column(heading="candidate"), Column(heading="value [95 % interval]", number=True)]
    rows = [(row.name, Cell(text=row.text, sort=row.figure.value)) for row in found]
    return table(columns, rows, plot.title)


def _around(baseline: Estimate, control: LockStanding | None) -> Estimate | None:
    """Return where the baseline's share would lie by chance: as far off as the control's."""
    if control is None:
        return None
    off = control.difference
    return Estimate(value=baseline.value, low=max(baseline.value + off.low, 0.0), high=baseline.value + off.high)


def on_log_scale(estimate: Estimate) -> bool:
    """Return whether a ratio and its interval can be drawn on a log scale."""
    return all(math.isfinite(end) and end > 0 for end in (estimate.value, estimate.low, estimate.high))
