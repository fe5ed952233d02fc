"""The wheel that everybody installs: it holds the script of the charts, and the licences of what that is made of."""

import re
import shutil
import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import programs
import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "hatch_build.py", "README.md", "src", "licenses")
SCRIPT = "schemabench/report/page/vega.js"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """Return the wheel, built from a copy: building writes the script, which other tests read meanwhile."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    (folder / "src" / SCRIPT).unlink(missing_ok=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder / "dist", folder]
    result = programs.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 0, result.stdout
    (path,) = (folder / "dist").glob("schemabench-*.whl")
    return ZipFile(path)


def test_wheel_holds_the_script_of_the_charts_and_the_licence_text_of_each_of_its_libraries(wheel: ZipFile) -> None:
    (path,) = [name for name in wheel.namelist() if name.endswith(".dist-info/licenses/licenses/vega.txt")]
    text = wheel.read(path).decode()
    heading, _, _ = wheel.read(SCRIPT).decode().partition("\n")
    libraries = re.findall(r"(Vega[\w-]*) ([\d.]+\d)", heading)

    assert [name for name, _ in libraries] == ["Vega", "Vega-Lite", "Vega-Embed"]
    for name, version in libraries:
        assert re.search(rf"^{name.lower()} {re.escape(version)}\b", text, re.MULTILINE), (
            f"licenses/vega.txt has no licence of {name} {version}: write it anew, from what its packages have on npm"
        )
    assert text.count("University of Washington Interactive Data Lab") >= len(libraries)
    assert "Redistributions in binary form must reproduce the above copyright" in text
    assert "Mike Bostock" in text


def test_wheel_names_every_licence_of_what_it_holds(wheel: ZipFile) -> None:
    (path,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(wheel.read(path).decode())
    named = set(metadata["License-Expression"].split(" AND "))
    texts = [wheel.read(name).decode() for name in wheel.namelist() if "/licenses/" in name]
    held = {licence for text in texts for licence in re.findall(r": ([\w.-]+)\n={78}\n", text)}

    assert held
    assert named == held | {"MIT"}


def test_wheel_needs_no_docker_unless_asked_to(wheel: ZipFile) -> None:
    (path,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    needed = Parser().parsestr(wheel.read(path).decode()).get_all("Requires-Dist") or []

    of_docker = [one for one in needed if "testcontainers" in one]
    assert "testcontainers>=4.9; extra == 'docker'" in of_docker
    assert [one for one in of_docker if "extra ==" not in one] == []
