"""The section of the largest candidates: how much room tables and indexes take after the last block."""

from schemabench.report import costs, figures
from schemabench.report.tree import Cell, Section, Table, columns
from schemabench.report.view import View


def section(view: View) -> Section | None:
    """Return the sizes of tables and indexes, the largest candidate first; None where nobody knows."""
    known = [(result, costs.by_name(result)) for result in view.results]
    sizes = [(result, found["table_size"], found["index_size"]) for result, found in known if "table_size" in found]
    if not sizes:
        return None
    sizes.sort(key=lambda one: -((one[1].value or 0.0) + (one[2].value or 0.0)))
    headings = ("candidate", "tables", "indexes")
    table = Table(
        caption="Sizes after the last block, the largest candidate first",
        columns=columns(*headings, numbers=headings[1:]),
        rows=tuple(
            (view.named(result), *(Cell(text=figures.amount(one), sort=one.value) for one in both))
            for result, *both in sizes
        ),
    )
    return Section(id="largest", title="Largest tables", nodes=(table,))
