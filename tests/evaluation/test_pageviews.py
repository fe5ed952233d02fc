"""Which schema loads hourly pageviews and serves their top 25 best?"""

import pytest


@pytest.mark.workload("pageviews")
def test_pageviews(evaluate):
    evaluate()
