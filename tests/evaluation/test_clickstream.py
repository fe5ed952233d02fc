"""Which schema takes the events of a news application, and tells the most liked articles and the retention, best?"""

from collections.abc import Callable

import pytest


@pytest.mark.workload("clickstream")
def test_clickstream(evaluate: Callable[[], object]) -> None:
    evaluate()
