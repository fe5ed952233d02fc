"""A ledger under a steady load, and migrations of it: pairs that reach the same by ways of which one holds writers up.

Its rows are made by the schema itself, which is faster than a background and as good here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import laboratory

from schemabench import Call, Companion, Workload, Writer, candidate, rehearsal
from schemabench.experiment import Plan
from schemabench.progress import Progress, Silence
from schemabench.rehearsal import Asked, Rehearsal
from schemabench.server import Server

HEAD = "-- extends: baseline\n"
CALLS_PER_S = 200
ASKED = Asked(quiet_s=1.0, longest_s=60.0)
BASELINE = """\
CREATE TABLE account (account_id integer PRIMARY KEY);
INSERT INTO account SELECT generate_series(1, 1000);
CREATE TABLE entry (
    entry_id bigint PRIMARY KEY,
    account_id integer NOT NULL,
    amount integer NOT NULL,
    receipt integer NOT NULL
);
INSERT INTO entry SELECT i, 1 + i % 1000, i % 777, i FROM generate_series(1, 600000) AS i;
"""
MANY = BASELINE.replace("600000", "2000000")
"""Likewise, with more rows, for what is quick with few."""
OPERATIONS = """\
-- name: change
UPDATE entry SET amount = :amount::integer WHERE entry_id = :entry_id::bigint;
-- name: look
SELECT amount FROM entry WHERE entry_id = :entry_id::bigint;
-- name: hold
SELECT count(*) FROM entry;
-- name: amounts
SELECT entry_id, amount FROM entry WHERE entry_id <= 1000 ORDER BY entry_id;
-- name: receipts
SELECT entry_id, receipt FROM entry WHERE entry_id <= 1000 ORDER BY entry_id;
"""


def burst(writer: str, random: Random) -> Iterator[Call]:
    """Yield what a writer does, without end."""
    while True:
        entry_id = random.randint(1, 1000)
        if writer == "clerk":
            yield Call("change", {"entry_id": entry_id, "amount": random.randint(1, 10**6)}, key=str(entry_id))
        else:
            yield Call("look", {"entry_id": entry_id}, rows=0)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Where ledgers are migrated."""

    server: Server
    folder: Path

    def plan(
        self, migration: str | Mapping[str, str], *, baseline: str = BASELINE, companions: tuple[Companion, ...] = ()
    ) -> Plan:
        """Return the plan for a migration, one file or several by name, which is the candidate `new`."""
        writers = (
            Writer(name="clerk", kind="stream", weight=1, clients=2),
            Writer(name="auditor", kind="reader", weight=1, clients=2),
        )
        workload = Workload(
            name="ledger",
            summary="clerks change entries, auditors look at them",
            cardinalities={"typical": laboratory.Sizes()},
            writers=lambda _: writers,
            companions=lambda _: companions,
            burst=lambda _sizes, writer, _block, random: burst(writer, random),
            state=("amounts",),
            production_s=lambda _: 2 / CALLS_PER_S,
        )
        folder = Path(mkdtemp(dir=self.folder))
        schemas = folder / "schemas"
        (schemas / "new").mkdir(parents=True)
        files = {"new.sql": f"{HEAD}{migration}"} if isinstance(migration, str) else {"new/candidate.sql": HEAD}
        files |= {} if isinstance(migration, str) else {f"new/{name}": text for name, text in migration.items()}
        for name, text in {"baseline.sql": baseline, **files}.items():
            (schemas / name).write_text(text, encoding="utf-8")
        return Plan(
            found=laboratory.found(folder, workload, OPERATIONS),
            cardinality="typical",
            candidates=tuple(candidate.find(schemas).values()),
            clients=4,
            budget_s=0.0,
            precision=1.0,
            seed=1,
        )

    def rehearse(  # noqa: PLR0913 (what differs between rehearsals)
        self,
        migration: str | Mapping[str, str],
        asked: Asked = ASKED,
        *,
        baseline: str = BASELINE,
        companions: tuple[Companion, ...] = (),
        call_timeout_s: float = 30.0,
        progress: Progress | None = None,
        keep: Callable[[Rehearsal], object] = lambda _: None,
    ) -> Rehearsal:
        """Return what a rehearsal of a migration finds."""
        plan = replace(self.plan(migration, baseline=baseline, companions=companions), call_timeout_s=call_timeout_s)
        return rehearsal.rehearse(plan, plan.candidates[-1], asked, self.server, progress or Silence(), keep)


def longest_s(found: Rehearsal) -> float:
    """Return the longest response to a call during a migration; 0 if it was too short for any."""
    return max((one.during.longest_s or 0.0 for one in found.operations), default=0.0)
