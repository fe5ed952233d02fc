"""Making a model of noise from a seed and a data model.

Owns what is drawn, and in which order. Must not know files or databases.

Every organisation has its own source of chance, seeded by the seed and its number: more organisations change nothing in
those before.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

import msgspec

from schemabench.noise.datamodel import OWN_IDS, USUAL_PERCENT, DataModel
from schemabench.noise.distributions import Distribution
from schemabench.noise.model import (
    FORMAT,
    LONGEST_PAST_S,
    VARIABLES,
    Engine,
    Job,
    Label,
    Model,
    Organisation,
    Pipeline,
    Tolerance,
    User,
)

SEED = 19071990
"""The default seed."""
_TOLERANCES = {
    "jobs": Tolerance(columns=("runs", "last_run_at")),
    "runs": Tolerance(extra=True),
    "audits": Tolerance(extra=True),
    "records": Tolerance(extra=True, missing=True),
}
"""What running jobs change: counts, histories, audits, and the records that they write and delete."""
_FIRST = ("Amber", "Birch", "Copper", "Delta", "Ember", "Fjord", "Granite", "Harbour", "Indigo", "Juniper", "Kestrel")
_SECOND = ("Analytics", "Bank", "Foods", "Freight", "Health", "Insurance", "Media", "Power", "Rail", "Textiles")
_USERS = ("ada", "bea", "carl", "dora", "emil", "fay", "gus", "hana", "ivo", "jan", "kim", "lea", "max", "nils", "ona")
_SOURCES = ("invoices", "meters", "orders", "payments", "rides", "sensors", "tickets", "visits")
_TARGETS = ("archive", "dashboard", "lake", "ledger", "search", "warehouse")

_Item = TypeVar("_Item")


def make(data_model: DataModel, *, seed: int, organisations: int, show: Callable[[], object] = lambda: None) -> Model:
    """Return the model of some organisations.

    Args:
        data_model: What they have.
        seed: Of all chance.
        organisations: Their number.
        show: Called after each of them.
    """
    made = []
    for number in range(1, organisations + 1):
        made.append(_organisation(data_model, seed, number))
        show()
    return Model(
        format=FORMAT,
        seed=seed,
        data_model=dict(data_model.digests),
        variables=VARIABLES,
        tolerances=_TOLERANCES,
        organisations=tuple(made),
    )


def _organisation(data: DataModel, seed: int, number: int) -> Organisation:
    random = Random(f"{seed}/organisation/{number}")  # noqa: S311 (reproducible on purpose)
    size, first = data.organisations.size.draw(random), number * OWN_IDS
    name = f"{_one_of(_FIRST, random)} {_one_of(_SECOND, random)} {number}"
    users = tuple(
        User(
            id=first + n,
            name=f"{_one_of(_USERS, random)}.{n}",
            role=data.users.role.draw(random),
            audits=data.users.audits.draw(random),
        )
        for n in range(_count(data.users.count, size, random))
    )
    engines = tuple(
        Engine(id=first + n, version=data.engines.version.draw(random))
        for n in range(_count(data.engines.count, size, random))
    )
    pipelines = tuple(
        Pipeline(
            id=first + n,
            name=f"{_one_of(_SOURCES, random)} to {_one_of(_TARGETS, random)} {n}",
            stages=data.pipelines.stages.draw(random),
            definition_bytes=data.pipelines.definition_bytes.draw(random),
        )
        for n in range(_count(data.pipelines.count, size, random))
    )
    labels = tuple(
        Label(id=first + n, name=f"{_one_of(_TARGETS, random)}-{n}")
        for n in range(_count(data.labels.count, size, random))
    )
    tenant = Organisation(
        id=number, name=name, size=size, users=users, engines=engines, pipelines=pipelines, labels=labels, jobs=()
    )
    jobs = tuple(_job(data, tenant, n, random) for n in range(_count(data.jobs.count, size, random)))
    return msgspec.structs.replace(tenant, jobs=jobs)


def _job(data: DataModel, tenant: Organisation, number: int, random: Random) -> Job:
    """Return a job of an organisation, which has everything else already."""
    kind, every_s = data.jobs.kind.draw(random), max(1, data.jobs.every_s.draw(random))
    reads, writes = data.jobs.reads.draw(random), data.jobs.writes.draw(random)
    pipeline = _one_of(tenant.pipelines, random)
    wanted = min(data.labels.per_job.draw(random), len(tenant.labels))
    return Job(
        id=tenant.id * OWN_IDS + number,
        name=f"{kind} {pipeline.name}",
        kind=kind,
        state=data.jobs.state.draw(random),
        pipeline=pipeline.id,
        engine=_one_of(tenant.engines, random).id,
        owner=_one_of(tenant.users, random).id,
        labels=tuple(sorted({_one_of(tenant.labels, random).id for _ in range(wanted)})),
        every_s=every_s,
        offset_s=int(random.random() * every_s),
        reads=reads if kind in {"replicate", "report"} else 0,
        writes=writes if kind in {"ingest", "replicate"} else 0,
        history=min(data.jobs.history.draw(random), LONGEST_PAST_S // every_s),
    )


def _count(drawn: Distribution, size: int, random: Random) -> int:
    """Return how many of something an organisation of a size has; at least one."""
    return min(OWN_IDS - 1, max(1, drawn.draw(random) * size // USUAL_PERCENT))


def _one_of(items: Sequence[_Item], random: Random) -> _Item:
    return items[int(random.random() * len(items))]
