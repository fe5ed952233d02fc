"""The processor time of sessions."""

import os
import sys
from time import process_time

import pytest

from schemabench.monitor.processor import Processor

_TICK_S = 0.01
"""What the system's other account of processor time is rounded to."""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's scheduler tells more than ticks")
def test_less_than_a_tick_of_processor_time_is_seen() -> None:
    processor = Processor([os.getpid()], local=True)
    grown: list[float] = []
    for _ in range(5):
        before_s, since_s = processor.seconds(None), process_time()
        while process_time() - since_s < _TICK_S / 4:
            pass
        grown.append(processor.seconds(None) - before_s)

    assert min(grown) >= _TICK_S / 8, grown
