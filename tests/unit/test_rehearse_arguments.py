"""What the arguments of `schemabench rehearse` mean, and what its help says."""

import argparse
from pathlib import Path

import pytest

from schemabench import cli
from schemabench.options import Options


def _chosen(*more: str) -> argparse.Namespace:
    return cli._parser().parse_args(["rehearse", "orders", "--candidate", "rated", *more])


def test_jobs_of_other_tenants_are_as_if_nobody_had_asked_for_them() -> None:
    settings, _ = cli._heeded(Options(noise=Path("noise.json"), noise_speed=2.0, clients=7), (), _chosen().unheeded)

    assert settings == Options(clients=7)


def test_a_call_of_the_comparison_may_be_given_more_time() -> None:
    assert _chosen("--call-timeout", "2min").schemabench_call_timeout == "2min"


def test_help_says_what_decides_the_exit_status_and_what_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _chosen("--help")

    shown = capsys.readouterr().out
    said = " ".join(shown.split())
    assert "or only invariants compared them and tables have other numbers of rows" in said
    assert "Late and refused calls do not change it." in said
    assert all(len(line) <= 80 for line in shown.splitlines())
