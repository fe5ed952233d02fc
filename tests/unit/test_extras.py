"""What few need: asked for in words where it is not installed, and not loaded where it is not used."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import programs
import pytest

from schemabench.errors import ServerError
from schemabench.server import container, folder

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMAND = "pip install 'schemabench[docker]'"


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the extra `docker` look as if it were not installed."""
    for name in ("testcontainers", "docker", "requests"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("no_docker")
def test_a_container_without_the_extra_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(folder.VARIABLE, str(tmp_path))

    with (
        pytest.raises(ServerError, match="image postgres:16: testcontainers is not installed") as caught,
        container.start("postgres:16", {}, "run"),
    ):
        pass

    assert COMMAND in caught.value.remedies[0]
    assert "start Docker" not in str(caught.value)


@pytest.mark.usefixtures("no_docker")
def test_the_list_of_servers_says_what_to_install_for_containers() -> None:
    assert str(container.survey()) == f"docker: testcontainers is not installed: {COMMAND}"


@pytest.mark.usefixtures("no_docker")
def test_a_folder_of_a_container_stays_where_nobody_can_ask_docker(tmp_path: Path) -> None:
    (tmp_path / container.MARKER).touch()

    assert not container.end_leftovers(tmp_path)


def test_every_extra_that_is_named_anywhere_is_there() -> None:
    paths = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.py")]
    named = {
        extra
        for path in paths
        for some in re.findall(r"schemabench\[([\w,]+)\]", path.read_text(encoding="utf-8"))
        for extra in some.split(",")
    }

    assert {"docker", "embedded"} <= named <= set(PROJECT["optional-dependencies"])


def test_measuring_loads_no_library_that_it_does_not_need() -> None:
    program = "import sys, schemabench.crossover.command, schemabench.experiment.measurement; print(*sys.modules)"

    result = programs.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)

    loaded = set(result.stdout.split())
    assert "schemabench.statistics.few_trials" in loaded
    assert not {"scipy.stats", "pandas", "altair", "docker", "testcontainers"} & loaded
