"""The pytest plugin, as far as every session of pytest has it: options, the marker, fixtures.

Owns what has to be known before tests are collected. Must not load what only evaluations need, nor change anything for
a session that collects none: with the first of them, `evaluations` takes part.
"""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

from schemabench import distribution, options
from schemabench.giving_way import giving_way

if TYPE_CHECKING:
    from schemabench.records import CandidateResult, Crossover

_GROUP = "schemabench"
"""Of our options."""
_EVALUATING = {"evaluate", "crossover"}
"""The fixtures that make an evaluation of a test, each of which asks for all of the next."""
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
    """Let a project's own options come first: ours can stand in the environment and in the ini file, too."""
    with giving_way(parser, _GROUP):
        return (yield)


@pytest.hookimpl(tryfirst=True)  # before pytest-benchmark decides about xdist
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and be ready to share evaluations among workers where there are some."""
    config.addinivalue_line(
        "markers", "workload(*names): the workloads that an evaluation is for; without it, all that are selected"
    )
    distribution.configure(config, _host)


def _host(config: pytest.Config) -> None:
    from schemabench import evaluations  # noqa: PLC0415 (takes half a second and 20 MB, which no other session pays)

    evaluations.host(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each workload, cardinality and candidate that is selected."""
    names = set(metafunc.fixturenames)
    if names & _EVALUATING and names >= _PARAMETERS:  # a project may have fixtures of some of these names
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

    The first test of an experiment runs it, for all its candidates; the others find it done. The test fails where the
    candidate failed or was disqualified, and is skipped where the candidate is not for this server.
    """
    from schemabench import evaluations  # noqa: PLC0415 (as in `_host`)

    return lambda: evaluations.evaluated(request, benchmark, workload, cardinality, candidate)


@pytest.fixture
def crossover(
    request: pytest.FixtureRequest, workload: str, cardinality: str, candidate: str
) -> "Callable[[], Crossover]":
    """Return the function that searches for where the test's candidate looks worst, and returns a `Crossover`.

    It begins at the test's cardinality and takes `--budget`. Nothing is frozen: `schemabench crossover` does that.
    """
    from schemabench import evaluations  # noqa: PLC0415 (as in `_host`)

    return lambda: evaluations.searched_for(request, workload, cardinality, candidate)
