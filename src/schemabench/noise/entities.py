"""The rows of a ghost town: what a model says of each table.

Owns tables, columns and rows, in the order of their keys. Must not connect to anything.

The model names numbers of audits, runs and records only. Their rows follow from the identifiers of those that they
belong to, and so need no place in the file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import shake_128
from types import MappingProxyType
from typing import Any

from schemabench.noise.datamodel import OWN_IDS
from schemabench.noise.model import ENGINE_ADDRESS, Job, Model, Organisation

Row = tuple[Any, ...]
"""The values of a row, in the order of its table's columns."""

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""When the model's histories end."""
_ACTIONS = ("created", "edited", "exported", "logged in", "started", "stopped")
_STRIDE = 7919
"""A prime, so that neighbouring numbers are far apart."""
_MULTIPLIER, _BITS = 0x9E3779B97F4A7C15, (1 << 64) - 1
_BIGINT, _INTEGER, _TEXT, _TIME = "int8", "int4", "text", "timestamptz"


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A table of the ghost town."""

    name: str
    types: Mapping[str, str]
    """Column -> its type."""
    rows: Callable[[Model, Organisation], Iterator[Row]]
    """Yields the rows of an organisation, in the order of their keys."""
    count: Callable[[Organisation], int]
    """Returns their number."""
    key: tuple[str, ...] = ("id",)
    """The columns of the primary key, which are the first ones."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(self.types)


def _mixed(number: int) -> int:
    """Return 63 bits that look random, of a number: the same everywhere."""
    mixed = (number * _MULTIPLIER) & _BITS
    return ((mixed ^ (mixed >> 29)) * _MULTIPLIER & _BITS) >> 1


def _organisations(_: Model, one: Organisation) -> Iterator[Row]:
    yield one.id, one.name, one.size


def _users(_: Model, one: Organisation) -> Iterator[Row]:
    return ((user.id, one.id, user.name, user.role) for user in one.users)


def _engines(model: Model, one: Organisation) -> Iterator[Row]:
    form = model.variables[ENGINE_ADDRESS].replace("{organisation}", str(one.id))
    return ((own.id, one.id, form.replace("{engine}", str(own.id)), own.version) for own in one.engines)


def _pipelines(_: Model, one: Organisation) -> Iterator[Row]:
    for own in one.pipelines:
        definition = shake_128(str(own.id).encode()).hexdigest((own.definition_bytes + 1) // 2)
        yield own.id, one.id, own.name, own.stages, definition[: own.definition_bytes]


def _labels(_: Model, one: Organisation) -> Iterator[Row]:
    return ((own.id, one.id, own.name) for own in one.labels)


def _jobs(_: Model, one: Organisation) -> Iterator[Row]:
    for job in one.jobs:
        last = _started_at(job, job.history) if job.history else None
        yield (
            *(job.id, one.id, job.pipeline, job.engine, job.owner),
            *(job.name, job.kind, job.state, job.every_s, job.history, last),
        )


def _job_labels(_: Model, one: Organisation) -> Iterator[Row]:
    return ((job.id, label) for job in one.jobs for label in job.labels)


def _runs(_: Model, one: Organisation) -> Iterator[Row]:
    for job in one.jobs:
        at, step, own, writes = _started_at(job, 1), timedelta(seconds=job.every_s), job.id, job.writes
        for run in range(1, job.history + 1):
            yield own, run, at, 5 + (own + run * _STRIDE) % 4_096, writes
            at += step


def _audits(_: Model, one: Organisation) -> Iterator[Row]:
    own = one.id
    for user in one.users:
        author = user.id
        for key in range(author * OWN_IDS, author * OWN_IDS + user.audits):
            chance = _mixed(key)
            yield key, own, author, EPOCH - timedelta(seconds=chance % 31_536_000), _ACTIONS[chance % len(_ACTIONS)]


def _records(_: Model, one: Organisation) -> Iterator[Row]:
    for job in one.jobs:
        own, run = job.id, job.history
        for place in range(job.writes if run else 0):
            yield own, run, place, (place * _STRIDE + run) % 1_000_000  # as running jobs write them


def _started_at(job: Job, run: int) -> datetime:
    """Return when a run of a job's history started."""
    return EPOCH - timedelta(seconds=(job.history - run + 1) * job.every_s - job.offset_s)


_ALL = (
    Entity(
        name="organisations",
        types={"id": _BIGINT, "name": _TEXT, "size": _INTEGER},
        rows=_organisations,
        count=lambda _: 1,
    ),
    Entity(
        name="users",
        types={"id": _BIGINT, "organisation": _BIGINT, "name": _TEXT, "role": _TEXT},
        rows=_users,
        count=lambda one: len(one.users),
    ),
    Entity(
        name="engines",
        types={"id": _BIGINT, "organisation": _BIGINT, "address": _TEXT, "version": _TEXT},
        rows=_engines,
        count=lambda one: len(one.engines),
    ),
    Entity(
        name="pipelines",
        types={"id": _BIGINT, "organisation": _BIGINT, "name": _TEXT, "stages": _INTEGER, "definition": _TEXT},
        rows=_pipelines,
        count=lambda one: len(one.pipelines),
    ),
    Entity(
        name="labels",
        types={"id": _BIGINT, "organisation": _BIGINT, "name": _TEXT},
        rows=_labels,
        count=lambda one: len(one.labels),
    ),
    Entity(
        name="jobs",
        types={
            **dict.fromkeys(("id", "organisation", "pipeline", "engine", "owner"), _BIGINT),
            **dict.fromkeys(("name", "kind", "state"), _TEXT),
            **dict.fromkeys(("every_s", "runs"), _INTEGER),
            "last_run_at": _TIME,
        },
        rows=_jobs,
        count=lambda one: len(one.jobs),
    ),
    Entity(
        name="job_labels",
        types={"job": _BIGINT, "label": _BIGINT},
        rows=_job_labels,
        count=lambda one: sum(len(job.labels) for job in one.jobs),
        key=("job", "label"),
    ),
    Entity(
        name="runs",
        types={"job": _BIGINT, "run": _INTEGER, "started_at": _TIME, "took_ms": _INTEGER, "records": _INTEGER},
        rows=_runs,
        count=lambda one: sum(job.history for job in one.jobs),
        key=("job", "run"),
    ),
    Entity(
        name="audits",
        types={"id": _BIGINT, "organisation": _BIGINT, "author": _BIGINT, "at": _TIME, "action": _TEXT},
        rows=_audits,
        count=lambda one: sum(user.audits for user in one.users),
    ),
    Entity(
        name="records",
        types={"job": _BIGINT, "run": _INTEGER, "place": _INTEGER, "value": _BIGINT},
        rows=_records,
        count=lambda one: sum(job.writes for job in one.jobs if job.history),
        key=("job", "run", "place"),
    ),
)
ENTITIES: Mapping[str, Entity] = MappingProxyType({one.name: one for one in _ALL})
"""By name; each refers only to those before it."""


def size(model: Model, entities: Iterable[str] = ENTITIES) -> int:
    """Return the number of rows of a model: of all entities, or of some."""
    return sum(ENTITIES[name].count(one) for one in model.organisations for name in entities)
