"""The bench: what is measured is kept, whatever comes after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fixed_run import USAGE

from schemabench.bench import Asked, Bench
from schemabench.errors import Interrupted, ServerError, WorkerError
from schemabench.options import Options
from schemabench.progress import Silence
from schemabench.records import Experiment

KEY = USAGE.workload, USAGE.cardinality
TEST = (*KEY, "baseline")


def _bench(folder: Path, monkeypatch: pytest.MonkeyPatch, dismissal: BaseException) -> Bench:
    """Return the bench of a worker that leads, where the other workers cannot be dismissed."""

    @contextmanager
    def lead(*_: object) -> Iterator[None]:
        try:
            yield
        finally:
            raise dismissal

    bench = Bench(Asked(options=Options(), origins=(), root=folder, folder=folder, command="pytest"), Silence())
    bench.want(*TEST)
    worker: Any = SimpleNamespace(lead=lead)
    monkeypatch.setattr(bench, "_worker", worker)
    monkeypatch.setattr(bench, "plan", lambda *_: None)
    monkeypatch.setattr(bench, "serve", lambda: None)
    return bench


def _measuring(monkeypatch: pytest.MonkeyPatch, outcome: Experiment | Exception) -> None:
    def measure(*_: object) -> Experiment:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr("schemabench.experiment.measure", measure)


def _cut_short() -> WorkerError:
    error = WorkerError("The worker gw1 was lost")
    error.known = USAGE
    return error


@pytest.mark.parametrize("outcome", [USAGE, _cut_short()], ids=["finished", "cut short"])
def test_a_record_is_kept_though_the_dismissal_of_the_other_workers_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Experiment | Exception
) -> None:
    bench = _bench(tmp_path, monkeypatch, KeyboardInterrupt("SIGTERM"))
    _measuring(monkeypatch, outcome)

    with pytest.raises(Interrupted, match=r"^usage typical was interrupted by SIGTERM after it was measured$"):
        bench.result(*TEST)

    run = bench.record()
    assert (run.experiments, run.notices) == ((USAGE,), ())


def test_a_record_is_kept_though_the_dismissal_of_the_other_workers_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = _bench(tmp_path, monkeypatch, TimeoutError("the test's time limit"))
    _measuring(monkeypatch, USAGE)

    with pytest.raises(TimeoutError):
        bench.result(*TEST)

    assert bench.record().experiments == (USAGE,)


def test_an_experiment_that_is_interrupted_without_a_record_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = _bench(tmp_path, monkeypatch, KeyboardInterrupt())
    _measuring(monkeypatch, ServerError("no room"))

    with pytest.raises(Interrupted, match=r"before its first block\. Nothing was measured"):
        bench.result(*TEST)

    run = bench.record()
    assert run.experiments == ()
    assert [one.code for one in run.notices] == ["experiment-failed"]
