"""The functions that make calls, as they are written into a workload."""

import pytest
from stated import column, operation, table

from schemabench.deriving import rows
from schemabench.deriving.calls import Caller
from schemabench.deriving.scale import Scale


def function(sql: str, *columns: str) -> str:
    """Return the function for a statement about a table with some generated columns."""
    own = [column("id"), *(column(one, generated=True) for one in columns)]
    one = table("t", *own, primary=["id"], unique=[["id"]])
    made = rows.planned([one], Scale(1.0), values=False)
    return Caller({one.table.id: one for one in made}, "Sizes", "sizes").function(operation(sql, one), "Often.", "")


@pytest.mark.parametrize("condition", ["= $1", "> $1", "BETWEEN $1 AND $2", "= $1 AND id = $2", "= ANY ($1)"])
def test_what_is_asked_of_a_generated_column_is_a_question(condition: str) -> None:
    written = function(f"DELETE FROM t WHERE computed {condition}", "computed")  # noqa: S608 (written here)

    compile(written, "written", "exec")
    assert "# Question: what is computed" in written
