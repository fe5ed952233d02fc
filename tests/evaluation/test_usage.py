"""Is the new schema of the usage-metering service adequate, and which candidate is best?"""

from collections.abc import Callable

import pytest


@pytest.mark.workload("usage")
def test_usage(evaluate: Callable[[], object]) -> None:
    evaluate()
