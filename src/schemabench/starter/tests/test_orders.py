"""Which schema takes orders best?"""

from collections.abc import Callable

import pytest


@pytest.mark.workload("orders")
def test_orders(evaluate: Callable[[], object]) -> None:
    evaluate()
