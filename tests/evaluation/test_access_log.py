"""Which schema takes a web server's log and answers for its hosts and their countries best?"""

from collections.abc import Callable

import pytest


@pytest.mark.workload("access_log")
def test_access_log(evaluate: Callable[[], object]) -> None:
    evaluate()
