"""Should two client sets share tables, partitions, schemas or nothing, if both are loaded and analysed at once?"""

from collections.abc import Callable

import pytest


@pytest.mark.workload("pipelines")
def test_pipelines(evaluate: Callable[[], object]) -> None:
    evaluate()
