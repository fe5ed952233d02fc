"""Which schema loads hourly pageviews and serves their top 25 best?"""

from collections.abc import Callable

import pytest


@pytest.mark.workload("pageviews")
def test_pageviews(evaluate: Callable[[], object]) -> None:
    evaluate()
