"""How parts slow each other, on a real server, where the answer is known: they share a locked row, or they do not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

import laboratory
import pytest
import servers

from schemabench import Call, Workload, Writer
from schemabench.errors import WorkloadError
from schemabench.experiment import Plan, measure
from schemabench.progress import Silence
from schemabench.records import CandidateResult, Experiment
from schemabench.server import Server
from schemabench.workload import Found
from schemabench.workload.checking import check

HELD_S = 0.008
"""For how long each call sleeps while it holds the lock of its row: far longer than all else that it does."""
CALLS = 5
TABLES = """
CREATE TABLE account (part text PRIMARY KEY, total int NOT NULL);
CREATE TABLE gate (id int PRIMARY KEY, passed int NOT NULL);
INSERT INTO gate VALUES (1, 0);
INSERT INTO account VALUES ('north', 0), ('south', 0);
"""
BASELINE = f"-- summary: all parts lock one row\n{TABLES}"
OPERATIONS = f"""
-- name: pay
UPDATE gate SET passed = passed + 1 WHERE id = 1;
UPDATE account SET total = total + :amount::int WHERE part = :'part';
SELECT pg_sleep({HELD_S});

-- name: totals
SELECT part, total FROM account WHERE part = :'part' ORDER BY part;
"""  # noqa: S608 (a constant)
PAY = f"""
-- name: pay
UPDATE account SET total = total + :amount::int WHERE part = :'part';
SELECT pg_sleep({HELD_S});
"""  # noqa: S608 (a constant)
APART = f"-- summary: each part locks its own row\n{TABLES}{PAY}"
LIMITED = f"{PAY}INSERT INTO paid DEFAULT VALUES;\n"


@dataclass(frozen=True)
class Bank:
    """The cardinality."""

    most: int = 9


def _burst(bank: Bank, writer: str, block: int, random: Random) -> Iterator[Call]:
    del writer, block
    return (Call("pay", {"amount": random.randrange(1, bank.most)}) for _ in count())


def _writer(part: str) -> Writer:
    return Writer(name=f"pays_{part}", kind="stream", weight=CALLS, part=part, identifiers={"part": part})


BANK = Workload(
    name="bank",
    summary="two branches book",
    cardinalities={"typical": Bank()},
    writers=lambda _: [_writer("north"), _writer("south")],
    burst=_burst,
    state=("totals",),
    interference=True,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with servers.serving("embedded", settings={"fsync": "off"}, clients=40, run_id="interference") as server:
        yield server


def _plan(folder: Path, budget_s: float = 0.0, **candidates: str) -> Plan:
    folder.mkdir(exist_ok=True)
    return Plan(
        found=laboratory.found(folder, BANK, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", {"baseline": BASELINE, **candidates}),
        clients=2,
        budget_s=budget_s,
        precision=0.01,
        seed=1,
        burst=2 * CALLS,
        sample_hz=100.0,
    )


@pytest.fixture(scope="module")
def found(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    return measure(_plan(tmp_path_factory.mktemp("bank"), budget_s=8.0, apart=APART), server, Silence())


def _by_name(found: Experiment) -> dict[str, CandidateResult]:
    return {one.name: one for one in found.candidates}


def test_parts_that_wait_for_one_row_take_twice_as_long_beside_each_other(found: Experiment) -> None:
    shared = _by_name(found)["baseline"].interference

    assert [(one.part, one.writer) for one in shared] == [("north", "pays_north"), ("south", "pays_south")]
    assert all(one.ratio.low <= one.ratio.value <= one.ratio.high for one in shared)
    assert any(one.differs for one in shared), "with as few blocks as a busy machine may allow"
    assert sum(one.ratio.value for one in shared) / 2 == pytest.approx(1.9, rel=0.25), "they take turns"
    assert all(one.alone_s > CALLS * HELD_S for one in shared)
    waited = [one.lock_share for one in shared if one.lock_share is not None]
    assert sum(waited) / 2 == pytest.approx(0.5, abs=0.2)


def test_parts_that_lock_rows_of_their_own_do_not_wait_for_each_other(found: Experiment) -> None:
    apart = _by_name(found)["apart"].interference

    assert len(apart) == 2
    assert all(one.ratio.value < 1.3 for one in apart)
    assert {one.lock_share for one in apart} == {0.0}


def test_who_waits_for_whom_is_told_with_the_parts(found: Experiment) -> None:
    results = _by_name(found)
    contention = results["baseline"].contention

    assert contention is not None
    assert {(one.waiting, one.blocking) for one in contention.pairs} == {
        ("pay (north)", "pay (south)"),
        ("pay (south)", "pay (north)"),
    }
    assert results["apart"].contention is not None
    assert results["apart"].contention.pairs == ()


def test_calls_of_bursts_that_parts_execute_alone_change_state_alike_and_count_for_nothing_else(
    found: Experiment,
) -> None:
    results = _by_name(found)

    assert {one.status for one in results.values()} == {"ranked"}
    for trial in (trial for one in results.values() for trial in one.trials):
        assert trial.alone_s.keys() == trial.writers_s.keys()
        assert trial.operations == 2 * CALLS
        assert trial.calls == {"pay": 2 * CALLS}


def test_a_candidate_that_is_refused_when_a_part_is_alone_fails_by_itself(server: Server, tmp_path: Path) -> None:
    limited = f"{TABLES}CREATE TABLE paid (id int GENERATED ALWAYS AS IDENTITY CHECK (id < {CALLS * 12}));{LIMITED}"
    results = _by_name(measure(_plan(tmp_path, budget_s=1.5, limited=limited, apart=APART), server, Silence()))

    assert {name: one.status for name, one in results.items()} == {
        "baseline": "ranked",
        "apart": "ranked",
        "limited": "failed",
    }
    assert "paid" in results["limited"].reason


def test_interference_needs_two_parts_and_every_writer_in_one(tmp_path: Path) -> None:
    def refusal(*writers: Writer) -> str:
        found = Found(
            workload=replace(BANK, writers=lambda _: list(writers)),
            operations=laboratory.found(tmp_path, BANK, OPERATIONS).operations,
            path=tmp_path / "__init__.py",
        )
        with pytest.raises(WorkloadError) as caught:
            check(found)
        return str(caught.value)

    assert "has only the part 'north'" in refusal(_writer("north"))
    partless = replace(_writer("north"), name="idle", part="")
    assert "these writers belong to none: idle" in refusal(_writer("north"), _writer("south"), partless)
