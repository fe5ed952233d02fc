"""Noise in a run as a user starts it: from the command line, the ini file and the environment."""

import json
import re
import shlex
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from programs import Program
from shared_server import Shared
from shop import Shop, assert_clear, said, wait_for

from schemabench import cli

PAGE = (Path(__file__).parents[2] / "docs" / "noise.md").read_text(encoding="utf-8")
BUDGET = ("--budget", "1s", "--equivalence", "off")


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Shop:
    """Return a project with a model of noise, for tests that do not change it."""
    shop = Shop.open(tmp_path_factory.mktemp("noise") / "shop", environment)
    assert cli.main(["noise", "model", "--sample", "--orgs", "5", "-o", str(shop.path / "noise.json")]) == 0
    return shop


def test_the_command_of_the_page_shows_the_noise_and_a_comparison_shows_what_it_changes(
    noisy: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    (command,) = re.findall(r"^pytest tests/evaluation (--noise .*)$", PAGE, re.MULTILINE)

    alone = noisy.run(*BUDGET, "--report", "without.json", "--benchmark-save", "alone")
    beside = noisy.run(*BUDGET, *shlex.split(command), "--report", "with.json", "--benchmark-compare")

    assert (beside.ret, alone.ret) == (0, 0)
    assert "beside noise of 5 organisations" in " ".join(said(beside).split())
    assert "noise of" not in said(alone)
    told = "orders at typical was measured under other conditions in 0001_alone.json: noise (no noise there, noise of 5"
    assert told in said(beside)
    (experiment,) = json.loads(noisy.read("with.json"))["schemabench"]["experiments"]
    assert experiment["noise"]["speed"] == 70
    assert "password" not in noisy.read("with.json")

    assert cli.main(["report", str(noisy.path / "with.json"), str(noisy.path / "without.json")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "by noise" in shown
    assert "There was other noise on the server" in shown


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        (("-o", "schemabench_noise=noise.json", "-o", "schemabench_noise_speed=20"), {}),
        ((), {"SCHEMABENCH_NOISE": "noise.json", "SCHEMABENCH_NOISE_SPEED": "20"}),
    ],
    ids=["ini file", "environment"],
)
def test_noise_is_set_elsewhere_too(noisy: Shop, settings: tuple[str, ...], variables: dict[str, str]) -> None:
    result = noisy.run(*BUDGET, "--candidate", "baseline", *settings, **variables)

    assert result.ret == 0
    assert "noise.json at 20 times its speed" in " ".join(said(result).split())


@pytest.mark.thorough
def test_a_map_is_drawn_beside_noise_and_says_so(noisy: Shop) -> None:
    result = noisy.schemabench(
        *("crossover", "orders", "--map", "2x2", "--candidate", "without_index", "--budget", "2s"),
        *("--noise", "noise.json", "--noise-speed", "20", "--report", "map.json"),
    )

    assert result.ret == 0
    assert "All of it was measured beside noise: noise.json at 20 times its speed: 5 organisations" in said(result)
    (drawn,) = json.loads(noisy.read("map.json"))["schemabench"]["maps"]
    assert drawn["noise"]["organisations"] == 5
    assert any(cell["ratio"] for cell in drawn["cells"])


def test_a_run_that_is_killed_while_it_populates_leaves_nothing_that_the_next_does_not_clean_up(
    noisy: Shop, shared: Shared
) -> None:
    assert cli.main(["noise", "model", "--orgs", "60", "-o", str(noisy.path / "large.json")]) == 0
    run = noisy.start("--candidate", "baseline", "--noise", "large.json")
    wait_for(run, lambda: shared.populates("noise"))
    run.kill()
    run.communicate()
    assert any(name.endswith("_noise") for name in shared.databases())

    result = noisy.run("--candidate", "baseline")

    assert result.ret == 0
    assert shared.databases() == set()


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_server_that_ends_beside_noise_fails_the_run_in_words_and_nothing_is_left(
    noisy: Shop, place: Path, number: signal.Signals
) -> None:
    noise = ("--noise", "noise.json", "--noise-speed", "100")
    run = noisy.start("--postgres", "embedded", "--budget", "60s", "--candidate", "baseline", *noise)
    wait_for(run, lambda: _jobs(run))
    jobs = _jobs(run)
    (pid_file,) = (place / "schemabench").glob("servers/*/data/postmaster.pid")
    postmaster = psutil.Process(int(pid_file.read_text(encoding="utf-8").splitlines()[0]))
    postmaster.send_signal(number)  # a postmaster takes SIGINT for a fast shutdown
    result = noisy.finish(run)

    assert result.ret == 1
    assert_clear(result, "the server (process", "SIGKILL" if number == signal.SIGKILL else "exit code 0")
    assert not [one for one in jobs if one.is_running()]


def _jobs(run: Program) -> list[psutil.Process]:
    """Return the process of ghost jobs that a run has, if it has one."""
    found = []
    for child in psutil.Process(run.pid).children():
        with suppress(psutil.Error):  # it ended just now
            found += [child] if "schemabench.noise" in child.cmdline() else []
    return found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "Cannot read"),
        ("{", "is not a JSON object"),
        ('{"format": 99}', "has format 99"),
    ],
    ids=["missing", "broken", "of another version"],
)
def test_a_file_that_is_no_model_is_refused_before_anything_is_started(
    noisy: Shop, content: str | None, expected: str
) -> None:
    if content is not None:
        noisy.write("wrong.json", content)

    result = noisy.run("--noise", "wrong.json" if content else "nowhere.json")

    assert_clear(result)
    assert expected in said(result)
    assert "building" not in said(result)
