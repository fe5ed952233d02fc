"""The part of the pytest plugin for evaluations: a bench for the session, the tests, reports.

Owns only the adaptation of hooks to calls of the bench; the hooks are registered with the first evaluation that is
collected, here or by a worker. Must not hold logic that can only be tested through pytest.
"""

import os
import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any, TypeVar

import pytest
from _pytest.runner import runtestprotocol

from schemabench import distribution, entries, options, progress, project, report, signals
from schemabench.bench import Asked, Bench
from schemabench.candidate import BASELINE
from schemabench.crossover import searched
from schemabench.errors import SchemabenchError, WorkerError
from schemabench.progress import Progress, Silence
from schemabench.records import CandidateResult, Crossover, Run, from_builtins, to_builtins
from schemabench.redaction import redact_command
from schemabench.terminal import Uncaptured
from schemabench.writing import Reports, old

KEY = pytest.StashKey[Bench]()
_ENDING = pytest.StashKey[signals.Ending]()
_HOOKS = "schemabench-evaluations"
"""The plugin name of this module, or of a `distribution.Refusal` in its place."""
_RUN = pytest.StashKey[Run]()
_ENTRY = pytest.StashKey[dict[str, Any]]()
"""Data of an evaluation for its report: the run so far, and its entry."""
_ENDED = pytest.StashKey[str]()
"""The outcome of an evaluation that did not pass."""
_SENT = "schemabench"
"""The attribute of a worker's report for that data."""
Result = TypeVar("Result")
_PARAMETERS = ("workload", "cardinality", "candidate")
_UNSELECTED = "unselected"
_REPORTS = pytest.StashKey[Reports]()
_WIDTH = 80
"""The columns of the report."""
_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a step summary of GitHub Actions."""


def host(config: pytest.Config, workers: int) -> None:
    """Prepare a session for evaluations by so many workers: create its bench, and register the hooks.

    Raises:
        UsageError: Of pytest: an option, a name or an input is wrong.
    """
    try:
        _set_up(config)
        config.stash[KEY].asked.check_workers(workers)
    except SchemabenchError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_ENDING] = signals.heed(config.add_cleanup)


def _set_up(config: pytest.Config) -> None:
    """Read the options, and refuse unusable ones with a SchemabenchError before anything is started."""
    chosen, origins = options.resolve(config.option, os.environ, config.getini)
    asked = Asked(
        options=chosen,
        origins=origins,
        root=project.find(config, Path(chosen.workloads)),
        folder=config.invocation_params.dir,
        command=redact_command(["pytest", *config.invocation_params.args]),
        smoke=not entries.enabled(config),
    )
    seat = distribution.seat(config)
    asked.check()
    asked.check_pairs(len(seat.names) if seat else 1)
    config.stash[KEY] = Bench(asked, _progress(config), seat)
    config.stash[_REPORTS] = Reports(asked.reports)
    distribution.enable_benchmarks(config)
    config.pluginmanager.register(sys.modules[__name__], _HOOKS)


def _progress(config: pytest.Config) -> Progress:
    is_shown = config.pluginmanager.hasplugin("terminalreporter")
    return progress.on(Uncaptured(config)) if is_shown else Silence()


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Generate one test for each selected workload, cardinality and candidate."""
    config = metafunc.config
    if not entries.available(config):
        raise pytest.Collector.CollectError("Evaluations enter pytest-benchmark's table: leave out -p no:benchmark")
    if not config.pluginmanager.hasplugin(_HOOKS):
        try:
            _set_up(config)
        except SchemabenchError as error:
            config.pluginmanager.register(distribution.Refusal(str(error)), _HOOKS)
    bench = config.stash.get(KEY, None)
    if bench is None:  # refused
        metafunc.parametrize(_PARAMETERS, [(_UNSELECTED,) * 3], ids=[_UNSELECTED])
        return
    marker = metafunc.definition.get_closest_marker("workload")
    try:
        subjects = bench.subjects(marker.args if marker else ())
    except SchemabenchError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    values = [
        (name, cardinality, candidate)
        for name, subject in subjects.items()
        for cardinality in subject.cardinalities
        for candidate in subject.selected
    ]
    neutral = bench.asked.options.neutral_ids
    ids = ["-".join(value[: 2 if neutral else 3]) for value in values]
    metafunc.parametrize(_PARAMETERS, values or [(_UNSELECTED,) * 3], ids=ids or [_UNSELECTED])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect evaluations of workloads that are not selected."""
    unselected = [
        item for item in items if getattr(getattr(item, "callspec", None), "params", {}).get("workload") is _UNSELECTED
    ]
    if unselected:
        config.hook.pytest_deselected(items=unselected)
        items[:] = [item for item in items if item not in unselected]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run an evaluation without reports in a follower: the leader reports it."""
    seat = distribution.seat(item.config)
    if seat is None or seat.leads or not _parameters(item):
        return None
    runtestprotocol(item, log=False, nextitem=nextitem)
    return True


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Release the other workers from waiting for this one in an experiment whose tests are over."""
    if distribution.seat(item.config) and (parameters := _parameters(item)):
        workload, cardinality, _ = parameters
        if item.config.stash[KEY].end(workload, cardinality, item.stash.get(_ENDED, "it passed")):
            distribution.end_if_without(item.session)


@pytest.hookimpl(tryfirst=True)  # before xdist reports the collection
def pytest_collection_finish(session: pytest.Session) -> None:
    """Pass the candidates of the tests to the bench, and prepare for the end of the run if there are any.

    Workers put evaluations first, so that no other test runs at the same time.
    """
    config = session.config
    bench = config.stash[KEY]
    evaluations = [item for item in session.items if _parameters(item)]
    for item in evaluations:
        workload, cardinality, candidate = _parameters(item)
        bench.want(workload, cardinality, candidate)
    if distribution.is_worker(config):
        session.items[:] = [*evaluations, *(item for item in session.items if not _parameters(item))]
        distribution.announce(config, [(workload, size) for workload, size, _ in map(_parameters, evaluations)])
    if evaluations and entries.comparing(config):
        try:
            entries.check_compared(config, bench.sizes())
        except SchemabenchError as error:
            raise pytest.UsageError(str(error)) from None
    if evaluations:
        config.stash[_ENDING] = signals.heed(config.add_cleanup)


def _parameters(item: pytest.Item) -> tuple[str, ...]:
    """Return workload, cardinality and candidate of an evaluation; an empty tuple for any other test."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if "evaluate" not in getattr(item, "fixturenames", ()) or not params.keys() >= set(_PARAMETERS):
        return ()
    return tuple(params[name] for name in _PARAMETERS)


def evaluated(
    request: pytest.FixtureRequest,
    benchmark: Any,  # noqa: ANN401 (untyped upstream)
    workload: str,
    cardinality: str,
    candidate: str,
) -> CandidateResult:
    """Return the result of a test's candidate; the first test of an experiment runs it for all candidates."""
    config, node = request.config, request.node
    entries.mark_used(benchmark)
    bench = config.stash[KEY]
    if bench.seat and not bench.seat.leads:
        _, problem = _attempt(config, lambda: bench.follow(workload, cardinality))
        pytest.skip(problem or "the worker that leads reports it")
    before = bench.findings
    result, problem = _attempt(config, lambda: bench.result(workload, cardinality, candidate))
    if bench.findings is not before:
        node.stash[_RUN] = bench.record()
        _write_reports(config, bench)
    if result is None:
        pytest.fail(problem, pytrace=False)
    node.user_properties.extend(report.properties(bench.experiment(workload, cardinality), result))
    if result.status == "skipped":
        pytest.skip(f"{candidate} was skipped: {result.reason}")
    if result.status != "ranked":
        pytest.fail(f"{candidate} is {result.status}: {result.reason}", pytrace=False)
    if not bench.asked.smoke:
        node.stash[_ENTRY] = entries.described(benchmark, f"{workload} {cardinality}", result)
        if bench.seat is None:
            entries.enter(config, node.stash[_ENTRY])
    return result


def searched_for(request: pytest.FixtureRequest, workload: str, cardinality: str, candidate: str) -> Crossover:
    """Return the result of the search for the worst cardinality of a test's candidate."""
    bench: Bench = request.config.stash[KEY]
    if bench.seat:
        pytest.fail("A search runs in one process: leave out -n", pytrace=False)
    if candidate == BASELINE:
        pytest.skip("the baseline is the reference of the comparison")
    found, problem = _attempt(request.config, lambda: searched(bench, workload, cardinality, candidate))
    _write_reports(request.config, bench)
    if found is None:
        pytest.fail(problem, pytrace=False)
    return found


def _attempt(config: pytest.Config, call: Callable[[], Result]) -> tuple[Result | None, str]:
    """Return a call's result, or the text of its error; if a worker is gone, give it up."""
    try:
        return call(), ""
    except WorkerError as error:
        if error.worker:
            distribution.give_up(config, error)
        return None, str(error)
    except SchemabenchError as error:
        return None, str(error)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the results of an evaluation to a worker's report, as builtins, which reports can carry."""
    test_report = yield
    if call.excinfo is not None:
        item.stash[_ENDED] = call.excinfo.exconly()
    if call.when == "call" and distribution.seat(item.config):
        found: dict[str, Any] = {"entry": item.stash.get(_ENTRY, None)}
        if _RUN in item.stash:
            found["run"] = to_builtins(item.stash[_RUN])
        vars(test_report)[_SENT] = found
    return test_report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take over the results of a worker's evaluation in the controller."""
    node = getattr(report, "node", None)  # of xdist
    if node is None:
        return
    config = node.config
    bench = config.stash[KEY]
    found: dict[str, Any] = vars(report).get(_SENT, {})
    if run := found.get("run"):
        bench.adopt(from_builtins(run))
    if entry := found.get("entry"):
        entries.enter(config, entry)
    if run:
        _write_reports(config, bench)


@pytest.hookimpl(optionalhook=True)  # absent with -p no:benchmark
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add the run's record to pytest-benchmark's JSON if the session has evaluations."""
    bench = config.stash[KEY]
    if bench.wanted or bench.record().experiments:  # a controller collects nothing of its own
        output_json["schemabench"] = to_builtins(bench.record())


@pytest.hookimpl(optionalhook=True)  # of pytest-html
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    """Put the ranking above the table of tests on pytest-html's page."""
    bench = session.config.stash.get(KEY, None)
    if bench is not None and (record := bench.record()).experiments:
        prefix.append(report.brief(record))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Stop the server and write the reports, after the end of all workers if one was lost or interrupted."""
    config = session.config
    if ending := config.stash.get(_ENDING, None):
        ending.conclude()
        config.add_cleanup(partial(_heed_late, session, ending))
    bench = config.stash.get(KEY, None)
    if bench is not None:
        if bench.seat and bench.seat.leads and session.exitstatus == pytest.ExitCode.INTERRUPTED:
            distribution.hand_in(config, to_builtins(bench.record()))
        if record := distribution.concluded(config):
            bench.adopt(from_builtins(record))
        if lost := distribution.lost(config):
            lost.report(config, bench.lose(lost.workload, lost.cardinality, lost.error))
        try:
            bench.close()
            well = True
        except SchemabenchError as error:
            _complain(config, error)
            well = False
        well &= _write_reports(config, bench) and _comparable(config, bench)
        if not well and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        _append_to_step(config, bench)
    yield
    if bench is not None and (run_id := distribution.orphaned(config)):  # by now all workers have ended
        try:
            bench.sweep(run_id)
        except SchemabenchError as error:
            _complain(config, error)


def _heed_late(session: pytest.Session, ending: signals.Ending) -> None:
    """Have a session end as interrupted if it was while it was closed, whatever its tests came to."""
    if ending.is_late and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        session.exitstatus = pytest.ExitCode.INTERRUPTED
        _tell(session.config, "Interrupted" if session.shouldfail else f"Interrupted. {signals.LATE}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server, however the session ended."""
    if (bench := config.stash.get(KEY, None)) is not None:
        bench.close()


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """Show what there is to tell of the run below pytest-benchmark's table, even if that ends the session."""
    try:
        return (yield)
    finally:
        bench = terminalreporter.config.stash.get(KEY, None)
        if bench is not None and (told := list(_summary(terminalreporter.config, bench))):
            terminalreporter.section("schemabench")
            for text in told:
                terminalreporter.write_line(text)


def _summary(config: pytest.Config, bench: Bench) -> Iterator[str]:
    """Yield the ranking and the paths of the reports, or of those that are not of this run if it has no results."""
    record, paths = bench.record(), {path: bench.asked.folder / path for path in bench.asked.options.report}
    if record.experiments:
        yield from (f"{fill(told, _WIDTH)}\n" for told in entries.other_conditions(config, record))
        yield report.terminal(record)
        yield from (f"report: {path}" for path in paths if paths[path] not in config.stash[_REPORTS].unwritten)
    elif bench.is_fruitless:
        yield from old(paths, bench.asked.folder)


def _write_reports(config: pytest.Config, bench: Bench) -> bool:
    """Write the reports of the results so far; return whether all were written."""
    record, reports = bench.record(), config.stash[_REPORTS]
    if not record.experiments or distribution.is_worker(config):
        return True
    for told in reports.write(record, lambda: entries.as_json(config)):
        _tell(config, told)
    return not reports.unwritten


def _comparable(config: pytest.Config, bench: Bench) -> bool:
    """Return whether the requested comparison with a saved run is valid; a controller knows only after the run."""
    try:
        if entries.comparing(config) and bench.record().experiments:
            entries.check_compared(config, bench.sizes())
    except SchemabenchError as error:
        _complain(config, error)
        entries.compare_nothing(config)
        return False
    return True


def _append_to_step(config: pytest.Config, bench: Bench) -> None:
    """Append the ranking to the step summary of GitHub Actions; a failure does not fail the run."""
    path, record = os.environ.get(_STEP_SUMMARY), bench.record()
    if not path or not record.experiments or distribution.is_worker(config):
        return
    try:
        report.append(record, Path(path))
    except SchemabenchError as error:
        _complain(config, error)


def _complain(config: pytest.Config, error: SchemabenchError) -> None:
    _tell(config, f"ERROR: {error}")


def _tell(config: pytest.Config, text: str) -> None:
    if config.pluginmanager.hasplugin("terminalreporter"):
        terminal = Uncaptured(config)
        terminal.begin()
        terminal.write(f"{text}\n", red=True)
