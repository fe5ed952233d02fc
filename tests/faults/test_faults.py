"""The table of faults: what is finished is kept, the fault is told, nothing is left, nothing foreign is touched."""

import time
from collections.abc import Iterator
from pathlib import Path

import places
import pytest
from acts import FAULTS, Fault, Scene, finished, start
from cells import Cell, told
from shop import Shop
from stands import KINDS, PASSWORD, Stand, stand

ORDINARY = {("server killed (-9)", "wheel"), ("SIGINT at blocks", "superuser")}
"""The cells of the ordinary suite; the others are filled by `tox run -e faults`."""
STATUSES = {"interrupted": {2}, "failed": {1}, "goes on": {0, 1, 2}, "killed": {-9}}
AT_LEAST = {"build": [], "blocks": ["orders"], "report": ["orders", "returns"]}
"""Stage -> the experiments that are finished by then."""
ENDS_S = 60
"""Of a busy machine: on an idle one it is 15."""


def _cells() -> Iterator[object]:
    for fault in FAULTS:
        for kind in fault.kinds or KINDS:
            marks = [] if (fault.name, kind) in ORDINARY else [pytest.mark.thorough]
            yield pytest.param(fault, kind, id=f"{fault.name}, {kind}", marks=marks)


@pytest.mark.parametrize(("fault", "kind"), [*_cells()])
def test_a_run_that_meets_a_fault(fault: Fault, kind: str, tmp_path: Path, table: list[Cell]) -> None:
    with places.place() as place, stand(kind, place) as one:
        shop = Shop.open(tmp_path / "shop", one.environment)
        scene = Scene(shop=shop, stand=one, run=start(fault, shop, one))
        fault.act(scene)
        since_s = time.monotonic()
        result = shop.finish(scene.run)
        output = f"{result.stdout}\n{result.stderr}"
        took_s = time.monotonic() - since_s
        left = _left(fault, one, shop)
        cell = Cell(
            fault=fault.name, kind=kind, kept=tuple(finished(shop)), told=told(output), seconds=took_s, left=left
        )
        table.append(cell)

        assert result.ret in STATUSES[fault.end]
        assert "Traceback" not in output
        assert PASSWORD not in output
        assert cell.kept[: len(AT_LEAST[fault.stage])] == tuple(AT_LEAST[fault.stage])
        assert took_s < ENDS_S
        assert cell.told or fault.end in {"goes on", "killed"}


def _left(fault: Fault, one: Stand, shop: Shop) -> tuple[str, ...]:
    """Return what a run left; see that the next one removes it, and that nothing foreign was touched."""
    if one.theirs and not one.theirs.alive():
        return ("its server is gone",)
    assert one.touched() == []
    found = one.left()
    if fault.end == "killed":
        assert shop.run("tests/test_orders.py").ret == 0
        assert one.touched() == []
    assert one.left() == []
    return tuple(found)
