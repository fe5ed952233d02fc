"""The section on retries: attempts that the server rolled back, and calls that were left at that."""

from schemabench.report import brackets, figures
from schemabench.report.text import name
from schemabench.report.tree import Cell, Section, Table, cells, columns
from schemabench.report.view import View

NONE = "none; every operation succeeded on its first attempt"


def section(view: View) -> Section | None:
    """Return the rolled-back attempts at each operation, with their reasons; None if there were none."""
    headings = ("candidate", "operation", "reason", "then", "attempts", "per call")
    rows = tuple(
        cells(
            name(result.name),
            name(one.operation),
            one.reason,
            then,
            one.count,
            Cell(text=figures.per_call(one.count, one.calls), sort=one.count / one.calls if one.calls else None),
        )
        for result in view.results
        for then, some in (("retried", result.retries), ("accepted as done", result.accepted))
        for one in some
    )
    if not rows:
        return None
    nodes = [
        Table(
            caption="Attempts that the server rolled back, and what became of their calls",
            columns=columns(*headings, numbers=headings[4:]),
            rows=rows,
        )
    ]
    attempted = [result for result in view.results if result.attempts_per_s]
    rates, within = ("operations/s", "attempts/s"), brackets.of_rates(view.experiment)
    if attempted:
        nodes.append(
            Table(
                caption=f"Operations per second, each counted once, and their attempts [{within}]",
                columns=columns("candidate", *rates, numbers=rates),
                rows=tuple(
                    cells(
                        name(result.name),
                        *(
                            Cell(
                                text=figures.rate(rate),
                                interval=figures.rate_interval(rate),
                                sort=rate.value if rate else None,
                            )
                            for rate in (result.operations_per_s, result.attempts_per_s)
                        ),
                    )
                    for result in attempted
                ),
            )
        )
    return Section(id="retries", title="Retries: attempts that were rolled back", nodes=tuple(nodes))


def none(view: View) -> str:
    """Return that there were no retries; empty if there were some, or if they were not counted."""
    counted = any(result.attempts_per_s for result in view.results)
    return NONE if counted and not any(result.retries or result.accepted for result in view.results) else ""
