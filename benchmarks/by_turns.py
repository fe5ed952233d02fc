"""Whether sessions that are closed between trials, and opened again, measure the same as those that stay open.

Usage: python benchmarks/by_turns.py [--kinds plain heavy] [--lead-in 0 0.25 1] [--seconds 40] [--clients 8]

All candidates are equal. In each experiment the baseline and half of the others keep their sessions, and the control
and the rest have new ones for each trial, prepared, planned and after a lead-in of that share of a burst. `plain` is an
upsert into one table. `heavy` is what new sessions are slow at: a table of a hundred partitions with a foreign key and
a trigger in PL/pgSQL. A last experiment of each kind keeps all sessions, as the control of the method.

Prints a line for each experiment, and as its last line a JSON object. For each kind and lead-in, and `kept`:

    control     the ratio of the control's throughput to the baseline's, with the ends of its interval
    others      the ratios of the other candidates with new sessions to the baseline, likewise
    same        those of the candidates that keep theirs
    cpu         processor time of the writers' sessions per operation, over the baseline's: of the candidates with new
                sessions together, and of those that keep theirs, which hardly depends on other work on the machine
    blocks      counted blocks
    between_ms  milliseconds between two trials
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from unittest import mock

from detection import Nothing

from schemabench import Call, Workload, Writer, sqlfile
from schemabench import candidate as candidates
from schemabench import workload as workloads
from schemabench.candidate import BASELINE
from schemabench.errors import WorkloadError
from schemabench.experiment import Plan, measure, shifts
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.shifts import Shifts
from schemabench.progress import Silence
from schemabench.records import Estimate, Experiment
from schemabench.server import Needs, Server, serve

NEW, SAME = ("new_1", "new_2"), ("same_1", "same_2")
ROWS = 2_000
PARTITIONS = 100
PARTITIONED = """\
CREATE TABLE place (id integer PRIMARY KEY);
INSERT INTO place SELECT generate_series(0, 9);
CREATE TABLE item (
    id integer PRIMARY KEY,
    n integer NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    place integer NOT NULL DEFAULT 1 REFERENCES place
) PARTITION BY RANGE (id);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.at := now();
    NEW.place := (SELECT max(id) FROM place WHERE id <= NEW.id % 10);
    RETURN NEW;
END $$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION stamp();
"""
PARTITION = "CREATE TABLE item_{place} PARTITION OF item FOR VALUES FROM ({first}) TO ({end});\n"
EACH = ROWS // PARTITIONS
"""Rows of a partition."""
TABLES = {
    "plain": "CREATE TABLE item (id integer PRIMARY KEY, n integer NOT NULL, at timestamptz NOT NULL DEFAULT now());\n",
    "heavy": PARTITIONED
    + "".join(PARTITION.format(place=place, first=place * EACH, end=(place + 1) * EACH) for place in range(PARTITIONS)),
}
"""Kind -> what every candidate's file holds."""
OPERATION = """\
-- name: put
INSERT INTO item (id, n) VALUES (:id, 0) ON CONFLICT (id) DO UPDATE SET n = item.n + 1;
"""


def burst(_: Nothing, __: str, ___: int, random: Random) -> Iterator[Call]:
    """Yield calls for random rows."""
    while True:
        yield Call("put", {"id": random.randrange(ROWS)})


def write(folder: Path, kind: str) -> workloads.Found:
    """Write equal candidates, and return the workload."""
    operations = folder / "operations.sql"
    operations.write_text(OPERATION)
    for name in (BASELINE, *NEW, *SAME):
        (folder / f"{name}.sql").write_text(f"-- candidate: {name}\n{TABLES[kind]}")
    blocks = sqlfile.read(operations, WorkloadError).operations
    operations.unlink()
    found = Workload(
        name="by_turns",
        summary=f"upserts into one table, {kind}",
        cardinalities={"typical": Nothing()},
        writers=lambda _: (Writer(name="worker", kind="stream", weight=8),),
        burst=burst,
    )
    return workloads.Found(workload=found, path=folder, operations=blocks)


@contextmanager
def kept(names: frozenset[str]) -> Iterator[None]:
    """Have these entrants keep their sessions, once they are open."""
    by_turns = Shifts.opened

    @contextmanager
    def opened(self: Shifts, entrant: Entrant, *, few: bool = False) -> Iterator[None]:
        if entrant.name not in names:
            with by_turns(self, entrant, few=few):
                yield
            return
        if not entrant.sessions.pids:
            entrant.wake()
        yield

    with mock.patch.object(Shifts, "opened", opened):
        yield


def experiment(server: Server, kind: str, lead_in: float, clients: int, budget_s: float) -> Experiment:
    """Make one experiment."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            found=write(Path(folder), kind),
            cardinality="typical",
            candidates=tuple(candidates.find(Path(folder)).values()),
            clients=clients,
            budget_s=budget_s,
            precision=1e-6,
            seed=1,
        )
        with mock.patch.object(shifts, "LEAD_IN", lead_in):
            return measure(replace(plan, lead_in=lead_in), server, Silence())


def shown(ratio: Estimate) -> list[float]:
    """Return a ratio and the ends of its interval."""
    return [round(one, 3) for one in (ratio.value, ratio.low, ratio.high)]


def processor_s(record: Experiment, names: Sequence[str]) -> float:
    """Return the processor seconds of an operation in the counted trials of some candidates."""
    trials = [one for candidate in record.candidates if candidate.name in names for one in candidate.trials]
    counted = [one for one in trials if not one.warmup]
    return sum(one.counters["cpu_s"] for one in counted) / sum(one.operations for one in counted)


def figures(record: Experiment) -> dict[str, object]:
    """Return what is printed of an experiment."""
    control = record.control
    ratios = {
        one.name: shown(one.standings["throughput"].to_baseline) for one in record.candidates if one.name != BASELINE
    }
    trials = record.blocks * (len(record.candidates) + 1)
    measured_s = sum(trial.duration_s for one in record.candidates for trial in one.trials)
    return {
        "control": None if control is None else shown(control.to_baseline),
        "others": [ratios[name] for name in NEW],
        "same": [ratios[name] for name in SAME],
        "cpu": [round(processor_s(record, names) / processor_s(record, (BASELINE,)), 3) for names in (NEW, SAME)],
        "blocks": record.blocks,
        "between_ms": round((record.elapsed_s - measured_s) / trials * 1e3, 1),
    }


def main() -> None:
    """Make the experiments, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default=["plain", "heavy"], nargs="+", choices=TABLES)
    parser.add_argument("--lead-in", default=[0.0, 0.25, 1.0], nargs="*", type=float)
    parser.add_argument("--seconds", default=40.0, type=float, help="of each experiment")
    parser.add_argument("--clients", default=8, type=int)
    chosen = parser.parse_args()
    results: dict[str, object] = {}
    entrants = len((BASELINE, *NEW, *SAME)) + 1
    with serve(
        "embedded", Needs(clients=chosen.clients, databases=entrants + 1), settings={}, run_id="by_turns"
    ) as server:
        enough = server.connections
        for kind in chosen.kinds:
            for lead_in in chosen.lead_in:
                server.connections = chosen.clients
                with kept(frozenset({BASELINE, *SAME})):
                    found = figures(experiment(server, kind, lead_in, chosen.clients, chosen.seconds))
                results[f"{kind} {lead_in:g}"] = found
                print(f"{kind}, lead-in {lead_in:g}: {found}", flush=True)
            server.connections = enough
            found = figures(experiment(server, kind, 0.0, chosen.clients, chosen.seconds))
            results[f"{kind} kept"] = found
            print(f"{kind}, all kept: {found}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
