"""The part of the pytest plugin that every session loads: options, the marker, fixtures.

Owns everything that pytest needs before collection. Must not load modules that only evaluations need, nor change a
session without evaluations: the first evaluation brings in `evaluations`.
"""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

from schemabench import distribution, options
from schemabench.giving_way import giving_way

if TYPE_CHECKING:
    from schemabench.records import CandidateResult, Crossover

_GROUP = "schemabench"
"""The name of our option group."""
_EVALUATING = {"evaluate", "crossover"}
"""The fixtures that turn a test into an evaluation; each requires all of the next."""
_PARAMETERS = {"workload", "cardinality", "candidate"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the table to the command line and the ini file."""
    group = parser.getgroup(_GROUP, "schemabench: rank candidate PostgreSQL schemas")
    for option in options.table():
        parser.addini(options.ini_name(option), option.metadata["about"], default="")
        if not option.metadata["ini_only"]:
            group.addoption(options.flag(option), **options.argument(option))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Generator[None, object, object]:
    """Give a project's own options precedence: ours can also be set in the environment and the ini file."""
    with giving_way(parser, _GROUP):
        return (yield)


@pytest.hookimpl(tryfirst=True)  # before pytest-benchmark reacts to xdist
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and prepare sharing evaluations among workers, if there are any."""
    config.addinivalue_line(
        "markers", "workload(*names): the workloads of an evaluation; without it, all selected workloads"
    )
    distribution.configure(config, _host)


def _host(config: pytest.Config, workers: int) -> None:
    from schemabench import evaluations  # noqa: PLC0415 (takes half a second and 20 MB, which no other session pays)

    evaluations.host(config, workers)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Generate one test for each selected workload, cardinality and candidate."""
    names = set(metafunc.fixturenames)
    if names & _EVALUATING and names >= _PARAMETERS:  # a project may have fixtures with some of these names
        from schemabench import evaluations  # noqa: PLC0415 (as in `_host`)

        evaluations.parametrize(metafunc)


@pytest.fixture
def evaluate(
    request: pytest.FixtureRequest,
    benchmark: Any,  # noqa: ANN401 (untyped upstream)
    workload: str,
    cardinality: str,
    candidate: str,
) -> "Callable[[], CandidateResult]":
    """Return the function that evaluates the test's candidate and returns its `CandidateResult`.

    The first test of an experiment runs it for all its candidates; the others use its result. The test fails if the
    candidate failed or was disqualified, and is skipped if the candidate does not apply to this server.
    """
    from schemabench import evaluations  # noqa: PLC0415 (as in `_host`)

    return lambda: evaluations.evaluated(request, benchmark, workload, cardinality, candidate)


@pytest.fixture
def crossover(
    request: pytest.FixtureRequest, workload: str, cardinality: str, candidate: str
) -> "Callable[[], Crossover]":
    """Return the function that searches for the worst cardinality of the test's candidate and returns a `Crossover`.

    It starts at the test's cardinality and runs for `--budget`. Nothing is frozen: `schemabench crossover` does that.
    """
    from schemabench import evaluations  # noqa: PLC0415 (as in `_host`)

    return lambda: evaluations.searched_for(request, workload, cardinality, candidate)
