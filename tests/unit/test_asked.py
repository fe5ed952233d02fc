"""What a run refuses of its settings before anything is started."""

from pathlib import Path

import pytest

from schemabench import cli
from schemabench.bench import Asked
from schemabench.errors import UsageError
from schemabench.options import Options
from schemabench.records import OptionValue


def _asked(folder: Path, noise: str, speed: float, source: str) -> Asked:
    (folder / "workloads").mkdir(exist_ok=True)
    return Asked(
        options=Options(noise=Path(noise) if noise else None, noise_speed=speed),
        origins=(OptionValue(name="--noise-speed", value=str(speed), source=source),),
        root=folder,
        folder=folder,
        command="pytest",
    )


def test_speed_of_noise_that_is_not_there_is_refused_on_the_command_line_only(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--noise-speed is the speed of the jobs of --noise, which is not given"):
        _asked(tmp_path, "", 20.0, "command line").check()

    for source in ("ini file", "environment", "default"):
        _asked(tmp_path, "", 20.0, source).check()


def test_speed_at_which_too_many_runs_are_due_is_refused_by_the_name_of_its_option(tmp_path: Path) -> None:
    assert cli.main(["noise", "model", "--sample", "--orgs", "2", "-o", str(tmp_path / "noise.json")]) == 0

    _asked(tmp_path, "noise.json", 20.0, "command line").check()
    with pytest.raises(UsageError, match=r"--noise-speed 1e\+09 is too fast for this model"):
        _asked(tmp_path, "noise.json", 1e9, "environment").check()
