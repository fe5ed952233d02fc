"""Models of noise from files that somebody may have edited.

Owns the checks, and the path in every error. Must not make a model.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.noise.datamodel import OWN_IDS
from schemabench.noise.entities import ENTITIES
from schemabench.noise.model import FORMAT, LONGEST_PAST_S, VARIABLES, Model, Organisation
from schemabench.units import plural

_MAKE = "make a model: schemabench noise model --orgs 10 -o noise.json"
_OWNED = ("users", "engines", "pipelines", "labels", "jobs")
"""What belongs to an organisation, with identifiers of its own."""


def read(path: Path) -> Model:
    """Return the model in a file.

    Raises:
        UsageError: It cannot be read, is no model, one of another version, or contradicts itself; with the path in it.
    """
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise UsageError(f"Cannot read {path}: {cause.strerror}", remedies=[_MAKE]) from cause
    try:
        head = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        version = msgspec.json.decode(head.get("format", b"null"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise UsageError(f"{path} is not a JSON object: {cause}", remedies=[_MAKE]) from cause
    if version != FORMAT:
        found = f"has format {version!r}" if "format" in head else "is not a model of noise: it has no `format`"
        raise UsageError(f"{path} {found}; this version of schemabench reads format {FORMAT}", remedies=[_MAKE])
    try:
        model = msgspec.json.decode(content, type=Model)
    except msgspec.ValidationError as cause:
        what, _, at = str(cause).partition(" - at ")
        raise UsageError(
            f"{path}: {at.replace('`', '') or '$'}: {what}", remedies=["correct the file", _MAKE]
        ) from cause
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise UsageError(f"{path} is not a JSON object: {cause}", remedies=[_MAKE]) from cause
    for at, what in _faults(model):
        raise UsageError(f"{path}: {at}: {what}", remedies=["correct the file", _MAKE])
    return model


def _faults(model: Model) -> Iterator[tuple[str, str]]:
    """Yield what contradicts itself in a model, with its path."""
    for name, value in model.variables.items():
        if name not in VARIABLES:
            yield f"$.variables.{name}", f"there is no such variable{nearest(name, VARIABLES)}"
        if not value.isprintable():
            yield f"$.variables.{name}", f"{value!r} is not printable text"
    for name in VARIABLES.keys() - model.variables.keys():
        yield "$.variables", f"{name} is missing"
    for name, tolerance in model.tolerances.items():
        if name not in ENTITIES:
            yield f"$.tolerances.{name}", f"there is no such entity{nearest(name, ENTITIES)}"
            continue
        known = ENTITIES[name].columns
        for column in tolerance.columns:
            if column not in known:
                yield f"$.tolerances.{name}.columns", f"{name} has no column {column!r}{nearest(column, known)}"
    yield from _unordered("$.organisations", [one.id for one in model.organisations], 1, OWN_IDS)
    for place, one in enumerate(model.organisations):
        yield from _faults_within(one, f"$.organisations[{place}]")


def _faults_within(one: Organisation, path: str) -> Iterator[tuple[str, str]]:
    """Yield what contradicts itself in an organisation."""
    low, high = one.id * OWN_IDS, (one.id + 1) * OWN_IDS
    own = {kind: [item.id for item in getattr(one, kind)] for kind in _OWNED}
    for kind, ids in own.items():
        yield from _unordered(f"{path}.{kind}", ids, low, high)
    known = {kind: set(ids) for kind, ids in own.items()}
    for place, job in enumerate(one.jobs):
        at = f"{path}.jobs[{place}]"
        for field, kind in (("pipeline", "pipelines"), ("engine", "engines"), ("owner", "users")):
            if getattr(job, field) not in known[kind]:
                yield f"{at}.{field}", f"{getattr(job, field)} is none of the organisation's {kind}"
        if not known["labels"].issuperset(job.labels):
            yield f"{at}.labels", "not all of them are the organisation's labels"
        if list(job.labels) != sorted(set(job.labels)):
            yield f"{at}.labels", "they do not ascend"
        if job.offset_s >= job.every_s:
            yield f"{at}.offset_s", f"{job.offset_s} is not less than every_s, {job.every_s}"
        if job.history * job.every_s > LONGEST_PAST_S:
            yield f"{at}.history", f"{plural(job.history, 'run')} took more than {LONGEST_PAST_S:,} s"


def _unordered(path: str, ids: Sequence[int], low: int, high: int) -> Iterator[tuple[str, str]]:
    """Yield an identifier that does not follow the one before it, or is not within bounds."""
    before = low - 1
    for place, own in enumerate(ids):
        if not before < own < high:
            yield f"{path}[{place}].id", f"{own} does not ascend, or is not from {low:,} to {high - 1:,}"
        before = own
