"""Commands whose databases cannot be dropped at the end: neither their results nor what ended them is lost."""

import signal
from types import SimpleNamespace
from typing import Any

import pytest

from schemabench import balance_command, cli, growth_command, signals
from schemabench.bench import ended
from schemabench.errors import BrokenOffError, CandidateError, SchemabenchError, ServerError

LEFT = "Left on postgresql://h/d: 1 database of the run"


class Around:
    """A bench that leaves a database behind."""

    def __init__(self, *_: object) -> None:
        self.progress = SimpleNamespace(close=lambda: None)
        self.most_bytes: int | None = None

    def close(self) -> None:
        """Fail."""
        raise ServerError(LEFT)

    def record(self) -> Any:  # noqa: ANN401 (a run, as far as it is asked)
        """Return that nothing was found."""
        return SimpleNamespace(growths=(), experiments=(), maps=())

    def subject(self, _: str) -> Any:  # noqa: ANN401 (likewise)
        """Return a workload of one size."""
        return SimpleNamespace(only_cardinality=lambda _: "typical")

    def want(self, *_: str) -> None:
        """Do nothing."""

    def plan(self, *_: str, **__: bool) -> None:
        """Do nothing."""

    def serve(self, **_: bool) -> None:
        """Do nothing."""


AROUND: Any = Around()


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def _nothing(*_: object, **__: object) -> None:
    pass


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), CandidateError("no such table"), ValueError("a fault")])
def test_what_ended_a_command_stays_its_error_and_tells_what_is_left(ending: BaseException) -> None:
    concluded: list[bool] = []
    with pytest.raises(type(ending)) as caught, ended(AROUND, lambda: concluded.append(True)):
        raise ending

    assert caught.value is ending
    assert LEFT in (str(ending) if isinstance(ending, SchemabenchError) else ending.__notes__[0])
    assert concluded == [True]


def test_what_is_left_is_the_error_of_a_command_without_another() -> None:
    with pytest.raises(ServerError, match=LEFT), ended(AROUND, lambda: None):
        pass


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the commands that have a bench, each as it is run."""
    chosen: Any = SimpleNamespace(
        workload="shop", over="rows", to="", map=None, resume=False, production=False, disk=None, project_to=1.0
    )
    asked: Any = SimpleNamespace(origins=(), reports=())
    for module in (cli, balance_command):
        monkeypatch.setattr(module, "Bench", Around)
    monkeypatch.setattr(cli, "_asked", lambda _: asked)
    monkeypatch.setattr(balance_command, "replace", lambda plan, **_: plan)
    monkeypatch.setattr("schemabench.growth.prepared", lambda *_: (AROUND, None))
    search: Any = SimpleNamespace(**{**vars(chosen), "over": None})
    return {
        "schemabench.experiment.balance": lambda: balance_command._balance(chosen, asked, 80),
        "schemabench.growth.add_growth": lambda: growth_command._grow(chosen, asked, 80),
        "schemabench.crossover.add_search": lambda: cli._crossover(search),
    }


@pytest.mark.parametrize(
    "measuring",
    ["schemabench.experiment.balance", "schemabench.growth.add_growth", "schemabench.crossover.add_search"],
)
def test_an_interrupted_command_is_one_and_tells_what_is_left(
    commands: dict[str, Any], measuring: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measuring, _interrupt)
    monkeypatch.setattr(cli, "_chosen", lambda _: SimpleNamespace(failed=2, run=lambda _: commands[measuring]()))

    assert cli.main([]) == 130
    assert capsys.readouterr().err == f"Interrupted\n{LEFT}\n"


def test_an_interrupted_command_that_tells_what_there_is_has_the_status_of_any_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken_off(_: object) -> None:
        raise BrokenOffError("The map was interrupted after 3.00 s: no cell of it was measured")

    monkeypatch.setattr(cli, "_chosen", lambda _: SimpleNamespace(failed=2, run=broken_off))

    assert cli.main([]) == 130
    assert capsys.readouterr().err.startswith("ERROR: The map was interrupted after 3.00 s")


def test_a_command_that_is_interrupted_while_it_is_closed_has_the_status_of_any_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(_: object) -> None:
        around: Any = SimpleNamespace(close=lambda: signal.raise_signal(signal.SIGTERM))
        with signals.heeded() as conclude, ended(around, conclude):
            pass

    monkeypatch.setattr(cli, "_chosen", lambda _: SimpleNamespace(failed=2, run=closed))

    assert cli.main([]) == 130
    assert capsys.readouterr().err == f"Interrupted\n{signals.LATE}\n"


def test_weights_are_printed_though_a_database_is_left(
    commands: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("schemabench.experiment.balance", _nothing)
    monkeypatch.setattr(balance_command, "_said", lambda *_: ["the weights"])
    measuring = "schemabench.experiment.balance"
    monkeypatch.setattr(cli, "_chosen", lambda _: SimpleNamespace(failed=2, run=lambda _: commands[measuring]()))

    assert cli.main([]) == 2
    said = capsys.readouterr()
    assert said.out == "the weights\n"
    assert said.err == f"ERROR: {LEFT}\n"


def test_what_is_left_is_told_though_the_reader_of_the_output_is_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(_: object) -> None:
        with ended(AROUND, lambda: None):
            raise BrokenPipeError

    monkeypatch.setattr(cli, "_chosen", lambda _: SimpleNamespace(failed=2, run=gone))

    assert cli.main([]) == 2
    assert capsys.readouterr().err == f"ERROR: {LEFT}\n"
