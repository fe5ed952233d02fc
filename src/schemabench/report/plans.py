"""How the server executes each statement: one line for each plan.

Owns what is left out because it is the baseline's, or another candidate's. Must not show a plan whole: the run file
holds it.
"""

from collections.abc import Sequence

from schemabench.records import CandidateResult, StatementPlan
from schemabench.report.escape import Markdown, code
from schemabench.report.verdict import BASELINE

_SAME = "as the baseline"


def tables(results: Sequence[CandidateResult]) -> dict[Markdown, list[tuple[object, ...]]]:
    """Return rows of candidates and plan for each statement: the baseline's first, those that are as it is last.

    The key names the operation, and the statement where it has several.
    """
    baseline_first = sorted(results, key=lambda result: result.name != BASELINE)
    found: dict[tuple[str, int], list[tuple[str, StatementPlan]]] = {}
    for result in baseline_first:
        for plan in result.plans:
            found.setdefault((plan.operation, plan.position), []).append((result.name, plan))
    several = {operation for operation, position in found if position}
    return {
        Markdown(code(operation) + (f", statement {position + 1}" if operation in several else "")): _rows(plans)
        for (operation, position), plans in found.items()
    }


def _rows(plans: Sequence[tuple[str, StatementPlan]]) -> list[tuple[object, ...]]:
    found: dict[str, list[str]] = {}
    for name, plan in plans:
        found.setdefault(_SAME if plan.same else plan.summary, []).append(code(name))
    in_order = sorted(found.items(), key=lambda item: item[0] == _SAME)
    return [(Markdown(", ".join(names)), text) for text, names in in_order]
