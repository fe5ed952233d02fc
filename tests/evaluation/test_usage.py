"""Is the new schema of the usage-metering service adequate, and which candidate is best?"""

import pytest


@pytest.mark.workload("usage")
def test_usage(evaluate):
    evaluate()
