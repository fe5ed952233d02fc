"""What a run refuses of its settings before anything is started."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemabench import cli
from schemabench.bench import Asked
from schemabench.bench.subject import Subject
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


@pytest.mark.parametrize(
    ("detail", "needs", "whole"),
    [("--race-places", "--race", {"race": True}), ("--soak-closed", "--soak", {"soak_s": 30.0})],
)
def test_detail_of_what_is_not_asked_for_is_refused_on_the_command_line_only(
    tmp_path: Path, detail: str, needs: str, whole: dict[str, Any]
) -> None:
    asked = _asked(tmp_path, "", 1.0, "default")
    given = replace(asked, origins=(OptionValue(name=detail, value="2", source="command line"),))

    with pytest.raises(UsageError, match=f"{detail} is the .* of {needs}, which is not given"):
        given.check()
    replace(given, options=replace(given.options, **whole)).check()
    replace(given, origins=(OptionValue(name=detail, value="2", source="ini file"),)).check()


@pytest.mark.parametrize(
    ("chosen", "workers", "said", "remedies"),
    [
        (
            {"soak_s": 30.0},
            2,
            "--soak needs one process, and there are 2",
            ["leave out -n, or use -n 1", "leave out --soak"],
        ),
        ({"soak_s": 30.0, "noise": Path("noise.json")}, 1, "--soak has no --noise", ["leave out --noise, or --soak"]),
        (
            {"race": True, "criteria": ("throughput", "wal_bytes")},
            1,
            "whoever leaves has no place by wal_bytes",
            ["leave out --race", "leave out --criteria wal_bytes"],
        ),
    ],
    ids=["soak by several", "soak beside noise", "race for other criteria"],
)
def test_options_that_exclude_each_other_are_refused_once_for_all_experiments(
    tmp_path: Path, chosen: dict[str, Any], workers: int, said: str, remedies: list[str]
) -> None:
    asked = _asked(tmp_path, "", 1.0, "default")
    with pytest.raises(UsageError, match=said) as refused:
        replace(asked, options=replace(asked.options, **chosen)).check_pairs(workers)

    assert list(refused.value.remedies) == remedies


def test_more_workers_than_connections_are_refused_with_how_many_of_either_would_do(tmp_path: Path) -> None:
    asked = _asked(tmp_path, "", 1.0, "default")
    three = replace(asked, options=replace(asked.options, clients=3))
    with pytest.raises(UsageError, match="--clients 3 is fewer than the 4 workers") as refused:
        three.check_workers(4)

    assert list(refused.value.remedies) == ["use at least --clients 4", "use fewer workers: -n 3"]
    three.check_workers(3)


def test_a_rehearsal_soaks_nothing_and_a_name_that_there_is_not_is_told_first(tmp_path: Path) -> None:
    asked = _asked(tmp_path, "", 1.0, "default")
    replace(asked, options=replace(asked.options, soak_s=30.0), smoke=True).check_pairs(2)

    mistyped = replace(asked, options=replace(asked.options, race=True, criteria=("throughput", "wal_byte")))
    with pytest.raises(UsageError, match="there is no criterion 'wal_byte'; did you mean 'wal_bytes'"):
        mistyped.check_pairs(1)


def test_a_race_may_name_the_criteria_by_which_every_run_ranks(tmp_path: Path) -> None:
    asked = _asked(tmp_path, "", 1.0, "default")

    replace(asked, options=replace(asked.options, race=True, criteria=("throughput", "lock_waits"))).check_pairs(1)


def test_speed_at_which_too_many_runs_are_due_is_refused_by_the_name_of_its_option(tmp_path: Path) -> None:
    assert cli.main(["noise", "model", "--sample", "--orgs", "2", "-o", str(tmp_path / "noise.json")]) == 0

    _asked(tmp_path, "noise.json", 20.0, "command line").check()
    with pytest.raises(UsageError, match=r"--noise-speed 1e\+09 is too fast for this model"):
        _asked(tmp_path, "noise.json", 1e9, "environment").check()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "A search starts at one cardinality, not 0"),
        (("small", "large"), "A search starts at one cardinality, not 2"),
    ],
)
def test_what_needs_one_cardinality_refuses_none_and_several_and_names_them(names: tuple[str, ...], said: str) -> None:
    found: Any = None
    subject = Subject(found=found, candidates={}, selected=(), cardinalities=names)

    with pytest.raises(UsageError, match=said) as refused:
        subject.only_cardinality("A search starts", "--at")

    assert refused.value.checked == (f"selected: {', '.join(names) or 'none'}",)
    assert refused.value.remedies == ("name one: --at NAME",)
    assert replace(subject, cardinalities=("small",)).only_cardinality("A search starts") == "small"
