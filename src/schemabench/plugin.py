"""The pytest plugin: options, fixtures, entries in pytest-benchmark's table, reports.

Owns nothing but the adaptation: hooks in, calls of the bench out. Must not hold logic that a test could not reach
without pytest.
"""

import os
import shlex
import signal
from collections.abc import Callable, Generator
from types import FrameType, SimpleNamespace
from typing import Any, NoReturn

import pytest
from pytest_benchmark.stats import Metadata

from schemabench import options, report
from schemabench.bench import Bench
from schemabench.errors import SchemabenchError
from schemabench.progress import ProgressBar, ProgressLines
from schemabench.records import CandidateResult, to_builtins

KEY = pytest.StashKey[Bench]()
_PARAMETERS = ("workload", "cardinality", "candidate")
_UNSELECTED = "unselected"
_GIVEN_UP = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end a run as Ctrl-C does: what is finished is reported, and nothing is left behind."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the table to the command line and the ini file."""
    group = parser.getgroup("schemabench", "schemabench: rank candidate PostgreSQL schemas")
    for option in options.table():
        meta, name = option.metadata, options.ini_name(option)
        parser.addini(name, meta["about"], default="")
        if meta["ini_only"]:
            continue
        how: dict[str, Any] = {"one": {}, "many": {"action": "append"}, "switch": {"action": "store_const"}}[
            meta["kind"]
        ]
        how = {**how, "const": "true"} if meta["kind"] == "switch" else {**how, "metavar": meta["metavar"]}
        group.addoption(options.flag(option), dest=name, default=None, help=meta["about"].replace("%", "%%"), **how)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "workload(*names): the workloads that an evaluation is for; without it, all that are selected"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Read the options, and refuse what cannot work before anything is collected."""
    config = session.config
    terminal = config.get_terminal_writer()
    try:
        chosen, origins = options.resolve(config.option, os.environ, config.getini)
        bench = Bench(
            options=chosen,
            origins=origins,
            root=config.rootpath,
            command=options.redact(shlex.join(["pytest", *map(str, config.invocation_params.args)])),
            progress=ProgressBar(terminal) if terminal.hasmarkup else ProgressLines(terminal),
        )
        bench.check()
    except SchemabenchError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[KEY] = bench
    for number in _GIVEN_UP:
        previous = signal.signal(number, _interrupt)
        config.add_cleanup(_restoring(number, previous))


def _restoring(number: int, previous: Any) -> Callable[[], None]:  # noqa: ANN401 (whatever Python calls a handler)
    def restore() -> None:
        signal.signal(number, previous)

    return restore


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(number).name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each workload, cardinality and candidate that is selected."""
    if "candidate" not in metafunc.fixturenames or "evaluate" not in metafunc.fixturenames:
        return
    bench = metafunc.config.stash[KEY]
    marker = metafunc.definition.get_closest_marker("workload")
    names = [name for name in bench.workloads() if marker is None or name in marker.args]
    try:
        subjects = {name: bench.subject(name) for name in names}
        unknown = [name for name in (marker.args if marker else ()) if not _exists(bench, name)]
        for name in unknown:
            bench.subject(name)
    except SchemabenchError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    values = [
        (name, cardinality, candidate)
        for name, subject in subjects.items()
        for cardinality in subject.cardinalities
        for candidate in subject.selected
    ]
    neutral = bench.options.neutral_ids
    ids = ["-".join(value[: 2 if neutral else 3]) for value in values]
    metafunc.parametrize(_PARAMETERS, values or [(_UNSELECTED,) * 3], ids=ids or [_UNSELECTED], scope="session")


def _exists(bench: Bench, name: str) -> bool:
    return (bench.root / bench.options.workloads / name / "__init__.py").is_file()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out evaluations of workloads that are not selected."""
    unselected = [item for item in items if _parameters(item)[:1] == (_UNSELECTED,)]
    if unselected:
        config.hook.pytest_deselected(items=unselected)
        items[:] = [item for item in items if item not in unselected]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell the bench which candidates the tests ask for."""
    wanted = session.config.stash[KEY].wanted
    for item in session.items:
        if parameters := _parameters(item):
            workload, cardinality, candidate = parameters
            wanted.setdefault((workload, cardinality), []).append(candidate)


def _parameters(item: pytest.Item) -> tuple[str, ...]:
    """Return workload, cardinality and candidate of an evaluation; nothing for any other test."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if "evaluate" not in getattr(item, "fixturenames", ()):
        return ()
    return tuple(params[name] for name in _PARAMETERS if name in params)


@pytest.fixture
def evaluate(
    request: pytest.FixtureRequest,
    benchmark: Any,  # noqa: ANN401 (untyped upstream)
    workload: str,
    cardinality: str,
    candidate: str,
) -> Callable[[], CandidateResult]:
    """Return the function that evaluates the test's candidate and returns its `CandidateResult`.

    The first test of an experiment runs it, for all its candidates; the others find it done. The test fails where the
    candidate failed or was disqualified, and is skipped where the candidate is not for this server.
    """

    def run() -> CandidateResult:
        config = request.config
        benchmark._mode = "schemabench"  # noqa: SLF001 (pytest-benchmark has no public way to say that it was used)
        if config.getoption("dist", "no") != "no" or hasattr(config, "workerinput"):
            pytest.fail("Evaluations run in one process for now: leave out -n and --dist", pytrace=False)
        bench = config.stash[KEY]
        try:
            result = bench.result(workload, cardinality, candidate, rehearse=not benchmark.enabled)
        except SchemabenchError as error:
            pytest.fail(str(error), pytrace=False)
        finally:
            _write_reports(config, bench)
        if result.status == "skipped":
            pytest.skip(f"{candidate} was skipped: {result.reason}")
        if result.status != "ranked":
            pytest.fail(f"{candidate} is {result.status}: {result.reason}", pytrace=False)
        if benchmark.enabled:
            _enter(config, benchmark, f"{workload} {cardinality}", result)
        return result

    return run


def _enter(config: pytest.Config, benchmark: Any, group: str, result: CandidateResult) -> None:  # noqa: ANN401
    """Enter a candidate into pytest-benchmark's table: a round is a trial, its iterations are the operations."""
    standing = result.standing
    assert standing is not None, "a ranked candidate has a standing"
    trials = [trial for trial in result.trials if not trial.warmup]
    fixture = SimpleNamespace(
        name=benchmark.name,
        fullname=benchmark.fullname,
        group=group,
        param=benchmark.param,
        params=dict(benchmark.params),
        cprofile_stats=None,
        has_error=False,
        extra_info={
            "candidate": result.name,
            "rank": standing.rank,
            "ratio": [standing.ratio.low, standing.ratio.value, standing.ratio.high],
        },
    )
    entry = Metadata(fixture, iterations=trials[0].operations, options={"rounds": len(trials)})
    for trial in trials:
        entry.update(trial.duration_s)
    config.pluginmanager.getplugin("pytest-benchmark").benchmarks.append(entry)


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add the run's record to pytest-benchmark's JSON."""
    output_json["schemabench"] = to_builtins(config.stash[KEY].record())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Stop the server, and write the reports."""
    bench = session.config.stash.get(KEY, None)
    if bench is not None:
        try:
            bench.close()
        except SchemabenchError as error:
            _complain(session.config, error)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if not _write_reports(session.config, bench):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server, in whatever way the session ended."""
    if (bench := config.stash.get(KEY, None)) is not None:
        bench.close()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the ranking and where the reports are."""
    bench = config.stash.get(KEY, None)
    record = None if bench is None else bench.record()
    if bench is None or record is None or not record.experiments:
        return
    terminalreporter.section("schemabench")
    terminalreporter.write_line(report.terminal(record))
    for path in bench.options.report:
        terminalreporter.write_line(f"report: {path}")


def _write_reports(config: pytest.Config, bench: Bench) -> bool:
    """Write the reports of what is finished so far, so that a crash loses nothing; return whether all went well."""
    record, written = bench.record(), True
    if not record.experiments:
        return True
    for path in bench.options.report:
        try:
            if path.suffix == ".json":
                report.write_json(_benchmark_json(config), record, config.invocation_params.dir / path)
            else:
                report.write(record, config.invocation_params.dir / path)
        except SchemabenchError as error:
            _complain(config, error)
            written = False
    return written


def _benchmark_json(config: pytest.Config) -> dict[str, Any]:
    """Return pytest-benchmark's own JSON of the entries so far."""
    session = config.pluginmanager.getplugin("pytest-benchmark")
    commit_info = config.hook.pytest_benchmark_generate_commit_info(config=config)
    config.hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit_info)
    output: dict[str, Any] = config.hook.pytest_benchmark_generate_json(
        config=config,
        benchmarks=session.benchmarks,
        include_data=True,
        machine_info=session.get_machine_info(),
        commit_info=commit_info,
    )
    return output


def _complain(config: pytest.Config, error: SchemabenchError) -> None:
    config.get_terminal_writer().line(f"\nERROR: {error}", red=True)
