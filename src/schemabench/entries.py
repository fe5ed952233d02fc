"""Candidates as entries of pytest-benchmark: in its table, its JSON, and its saved and compared runs.

Owns all use of pytest-benchmark beyond its public interface, which offers none for work that is timed elsewhere. Must
not know how a result was measured.
"""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from pytest_benchmark.stats import Metadata

from schemabench import report
from schemabench.errors import UsageError
from schemabench.records import CandidateResult, Run, from_builtins

_SESSION = "pytest-benchmark"
"""The name of its session in the plugin manager."""
_NO_SIZE = "absent"
"""What stands for a size that a run lacks."""
_MACHINE = pytest.StashKey[dict[str, Any]]()


def available(config: pytest.Config) -> bool:
    """Return whether pytest-benchmark is loaded; `-p no:benchmark` turns it off."""
    return bool(config.pluginmanager.hasplugin(_SESSION))


def mark_used(benchmark: Any) -> None:  # noqa: ANN401 (untyped upstream)
    """Keep pytest-benchmark from warning that its fixture was not called."""
    benchmark._mode = "schemabench"  # noqa: SLF001 (there is no public way)


def enabled(config: pytest.Config) -> bool:
    """Return whether to measure, rather than only to check that everything works (`--benchmark-disable`)."""
    return not config.option.benchmark_disable or config.option.benchmark_enable


def described(benchmark: Any, group: str, result: CandidateResult) -> dict[str, Any]:  # noqa: ANN401
    """Return a ranked candidate as an entry of builtins, which can be sent between processes.

    A round is a trial and its iterations are the operations; hence OPS is the throughput.

    Args:
        benchmark: The test's fixture of that name.
        group: The name of the group in which candidates are compared.
        result: The candidate.
    """
    standing = result.standing
    assert standing is not None, "a ranked candidate has a standing"
    trials = [trial for trial in result.trials if not trial.warmup]
    return {
        "name": benchmark.name,
        "fullname": benchmark.fullname,
        "group": group,
        "param": benchmark.param,
        "params": dict(benchmark.params),
        "extra_info": {
            "candidate": result.name,
            "rank": standing.rank,
            "ratio": [standing.to_baseline.low, standing.to_baseline.value, standing.to_baseline.high],
            **({"at_least": True} if standing.at_least else {}),
        },
        "iterations": trials[0].operations,
        "durations_s": [trial.duration_s for trial in trials],
    }


def enter(config: pytest.Config, entry: Mapping[str, Any]) -> None:
    """Add a candidate, as returned by `described`, to the session's table."""
    names = ("name", "fullname", "group", "param", "params", "extra_info")
    fixture = SimpleNamespace(**{name: entry[name] for name in names}, cprofile_stats=None, has_error=False)
    metadata = Metadata(fixture, iterations=entry["iterations"], options={"rounds": len(entry["durations_s"])})
    for duration_s in entry["durations_s"]:
        metadata.update(duration_s)
    config.pluginmanager.getplugin(_SESSION).benchmarks.append(metadata)


def check_compared(config: pytest.Config, sizes: Mapping[tuple[str, str], tuple[str, Mapping[str, Any]]]) -> None:
    """Refuse `--benchmark-compare` with a saved run that has other sizes under the same names.

    Args:
        config: The session's configuration.
        sizes: (workload, cardinality) -> its digest and values.

    Raises:
        UsageError: The sizes differ; holds the differences.
    """
    for path, content in _compared(config):
        for other in content.get("schemabench", {}).get("experiments", ()):
            key = other["workload"], other["cardinality"]
            digest, values = sizes.get(key, (other["digest"], {}))
            if digest != other["digest"]:
                then = other["values"]
                changed = [
                    f"{name} {values.get(name, _NO_SIZE)}, but {then.get(name, _NO_SIZE)} in that run"
                    for name in dict.fromkeys([*values, *then])
                    if values.get(name, _NO_SIZE) != then.get(name, _NO_SIZE)
                ]
                raise UsageError(
                    f"This run cannot be compared with {path}: {' at '.join(key)} has the digest {digest}, but had "
                    f"{other['digest']} in that run",
                    checked=changed or ["the values are the same; replayed files or the types of values differ"],
                    remedies=[
                        "compare with a run at the same sizes: --benchmark-compare=NUMBER",
                        "save this run to compare with later: --benchmark-autosave without --benchmark-compare",
                    ],
                )


def other_conditions(config: pytest.Config, run: Run) -> list[str]:
    """Return a sentence for each experiment that the saved runs of a comparison made under other conditions."""
    told = []
    for path, content in _compared(config) if comparing(config) else ():
        if saved := content.get("schemabench"):
            try:
                told += report.other_conditions(run, Path(path).name, from_builtins(saved))
            except msgspec.ValidationError as cause:
                told.append(f"Under which conditions {path} was measured cannot be told: {cause}")
    return told


def comparing(config: pytest.Config) -> bool:
    """Return whether the session is compared with a saved run."""
    return bool(config.pluginmanager.getplugin(_SESSION).compare) if available(config) else False


def compare_nothing(config: pytest.Config) -> None:
    """Cancel the requested comparison."""
    config.pluginmanager.getplugin(_SESSION).compare = None


def _compared(config: pytest.Config) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the saved runs that pytest-benchmark compares with, which it chose before this run could be saved."""
    session = config.pluginmanager.getplugin(_SESSION)
    saved = session.storage.load() if session.compare is True else session.storage.load(session.compare)
    return [(path, content) for path, content in saved if path in session.compared_mapping]


def as_json(config: pytest.Config) -> dict[str, Any]:
    """Return pytest-benchmark's own complete JSON of the entries so far."""
    session = config.pluginmanager.getplugin(_SESSION)
    if _MACHINE not in config.stash:  # reading the processor's details takes a second
        config.stash[_MACHINE] = session.get_machine_info()
    commit_info = config.hook.pytest_benchmark_generate_commit_info(config=config)
    config.hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit_info)
    output: dict[str, Any] = config.hook.pytest_benchmark_generate_json(
        config=config,
        benchmarks=session.benchmarks,
        include_data=True,
        machine_info=config.stash[_MACHINE],
        commit_info=commit_info,
    )
    return output
