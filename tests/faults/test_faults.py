"""The table of faults: what is finished is kept, the fault is told, nothing is left, nothing foreign is touched."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import acts
import places
import psutil
import pytest
from acts import REPORTS, Scene
from catalog import FAULTS, STATUSES, Fault
from cells import Cell, telling
from shop import LIMIT_S, Shop
from stands import PASSWORD, Stand, stand
from watching import Watched

ORDINARY = {("server killed (-9)", "wheel"), ("SIGINT at blocks", "superuser")}
"""The cells of the ordinary suite; the others are filled by `tox run -e faults`."""
AT_LEAST = {"build": [], "blocks": ["orders"], "report": ["orders", "returns"]}
"""Stage -> the experiments that are finished by then."""
TOLD_S = 15.0
"""Within so many seconds a run tells what befell it, and ends where it has to."""
LASTS_S = 120.0
"""No experiment here takes longer, whatever its clock says."""
ROOM = "600m"
"""What a run needs is a third of it."""
_ENDING = {"interrupted", "failed", "killed", "over", "hung up"}


def _cells() -> Iterator[object]:
    for fault in FAULTS:
        for kind in fault.kinds:
            marks = [] if (fault.name, kind) in ORDINARY else [pytest.mark.thorough]
            yield pytest.param(fault, kind, id=f"{fault.name}, {kind}", marks=marks)


@pytest.mark.parametrize(("fault", "kind"), [*_cells()])
def test_a_run_that_meets_a_fault(fault: Fault, kind: str, tmp_path: Path, table: list[Cell]) -> None:
    with ExitStack() as around:
        disk = around.enter_context(places.small_disk(ROOM)) if fault.disk else None
        one = around.enter_context(stand(kind, disk if fault.disk == "server" else None))
        shop = Shop.open(tmp_path / "shop", one.environment)
        acts.prepare(shop, disk if fault.disk == "reports" else None)
        fault.prepare(shop)
        run = fault.starts(shop, (*REPORTS, "--burst", "24", *(("-n", str(fault.workers)) if fault.workers else ())))
        watched = around.enter_context(closing(Watched.of(run)))
        acts.enter(fault.stage, shop, one, watched)
        with ExitStack() as undone:
            scene = Scene(shop=shop, stand=one, run=run, disk=disk, stack=undone)
            among = psutil.Process(run.pid).children(recursive=True) if fault.end == "hung up" else []
            since_s = time.monotonic()
            fault.act(scene)
            others = [around.enter_context(closing(Watched.of(other))) for other in scene.others]
            status = watched.finish(LIMIT_S, among)
            ended_s = time.monotonic() - since_s
            assert [other.output for other in others if other.finish(LIMIT_S)] == []
        said, when_s = telling(watched.lines)
        cell = Cell(
            fault=fault.name,
            kind=kind,
            kept=" and ".join(acts.finished(shop)),
            told=said,
            seconds=None if when_s is None else max(0.0, when_s - since_s),
            left=_left(fault, one, shop),
        )

        assert status in STATUSES[fault.end], watched.output
        assert "Traceback" not in watched.output
        assert "INTERNALERROR" not in watched.output
        assert PASSWORD not in watched.output
        assert _shown(shop) == []
        assert acts.finished(shop)[: len(AT_LEAST[fault.stage])] == AT_LEAST[fault.stage]
        assert ended_s < TOLD_S or fault.end not in _ENDING
        assert cell.told or not fault.tells, watched.output
        assert fault.names in cell.told
        assert cell.seconds is None or cell.seconds < TOLD_S
        if fault.end == "complete":
            assert acts.finished(shop) == ["orders", "returns"]
            assert all(0 < lasted_s < LASTS_S for lasted_s in acts.lasted_s(shop))
        table.append(cell)


def _left(fault: Fault, one: Stand, shop: Shop) -> str:
    """Return what a run left; see that the next one removes it, and that nothing foreign was touched."""
    one.revive()
    found = one.left()
    if found:
        assert fault.end == "killed" or (fault.downs and one.theirs), found
        assert shop.run("tests/test_orders.py").ret == 0
    assert one.touched() == []
    assert one.left() == []
    return ", ".join(found)


def _shown(shop: Shop) -> list[Path]:
    """Return the reports that show the password."""
    written = [path for path in (shop.path / "reports").rglob("*") if path.is_file()]
    return [path for path in written if PASSWORD in path.read_text(encoding="utf-8", errors="replace")]
