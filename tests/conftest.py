"""What all tests of the harness share: a folder for their files, a watch over what they take, and no deadlines.

Properties have none, since the machine may be busy with other things.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import places
import pytest
import thrift
import watch
from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

HERE = Path(__file__).parent
MEASURING = (HERE / "evaluation", HERE / "calibration")
"""Whose servers take what the machine has."""


def pytest_configure(config: pytest.Config) -> None:
    """Register what tests share."""
    config.pluginmanager.register(places)
    config.pluginmanager.register(thrift)
    if not hasattr(config, "workerinput") and not _measures(config):
        config.pluginmanager.register(watch.Watch(config))


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """Have Ctrl-C raise what it usually does: Python ignores it in the background job of a script."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _measures(config: pytest.Config) -> bool:
    """Return whether a session executes what is in the folders that measure, among others."""
    asked = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    return any(one == folder or one in folder.parents or folder in one.parents for one in asked for folder in MEASURING)
