"""What the command line says of `schemabench growth`, and refuses."""

import pytest

from schemabench import cli


def test_a_second_axis_is_refused_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["growth", "orders", "--over", "rows", "--over", "clients"]) == 2

    said = capsys.readouterr().err
    assert "A growth curve is over one axis, not 2: rows, clients" in said
    assert "name one: --over rows" in said


def test_help_says_what_the_budget_is_and_that_a_limited_disk_is_no_promise(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["growth", "--help"])
    shown = " ".join(capsys.readouterr().out.split())

    assert "It takes 20 minutes, unless --budget, the environment or the ini file says otherwise." in shown
    assert "whose data and WAL are expected to fit into SIZE" in shown
    assert "the first size is measured in any case" in shown
