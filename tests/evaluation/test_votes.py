"""How should votes be written and served, if results may be a minute old?"""

from collections.abc import Callable

import pytest


@pytest.mark.workload("votes")
def test_votes(evaluate: Callable[[], object]) -> None:
    evaluate()
