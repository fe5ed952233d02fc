"""A model of noise: tenants with what belongs to them, as a JSON file that is the same everywhere.

Owns the form of the file and its checks. Must not draw anything, nor know a database.

Numbers of an organisation are its own: its identifiers begin with that of the organisation, so that more organisations
change nothing in those before. The file has a line for each organisation.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.noise.datamodel import KINDS, LONGEST_S, MOST_BYTES, OWN_IDS, STATES
from schemabench.noise.distributions import Count, Name

FORMAT = 1
"""The version of the file: raised when a field changes its meaning or goes away."""
LONGEST_PAST_S = 1000 * LONGEST_S
"""The longest history of a job, whose first run would otherwise be before the calendar begins."""
MOST_SEED = (1 << 63) - 1
ENGINE_ADDRESS = "engine_address"
"""The variable with the address of engines, in which `{organisation}` and `{engine}` stand for their identifiers."""
VARIABLES = {ENGINE_ADDRESS: "http://engine-{engine}.organisation-{organisation}.invalid:18630"}
"""What must differ from place to place, and what it is unless it is set."""

Id: TypeAlias = Annotated[int, Meta(ge=1, lt=OWN_IDS**2)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An object of the file; there are many, and none refers to itself."""


class User(_Part, frozen=True, kw_only=True):
    """A user of an organisation."""

    id: Id
    name: Name
    role: Name
    audits: Annotated[int, Meta(ge=0, lt=OWN_IDS)]
    """Entries in the user's audit."""


class Engine(_Part, frozen=True, kw_only=True):
    """What executes jobs."""

    id: Id
    version: Name


class Pipeline(_Part, frozen=True, kw_only=True):
    """What jobs execute."""

    id: Id
    name: Name
    stages: Count
    definition_bytes: Annotated[int, Meta(ge=0, le=MOST_BYTES)]


class Label(_Part, frozen=True, kw_only=True):
    """A label of jobs."""

    id: Id
    name: Name


class Job(_Part, frozen=True, kw_only=True):
    """Scheduled work."""

    id: Id
    name: Name
    kind: Literal[KINDS]  # type: ignore[valid-type] # the one list of them
    state: Literal[STATES]  # type: ignore[valid-type] # likewise
    pipeline: Id
    engine: Id
    owner: Id
    labels: tuple[Id, ...]
    every_s: Annotated[int, Meta(ge=1, le=LONGEST_S)]
    """Seconds from one run to the next."""
    offset_s: Count
    """Seconds from the start to the first run; less than `every_s`."""
    reads: Count
    """Records of its organisation that a run reads, as far as there are so many."""
    writes: Count
    """Records that a run writes."""
    history: Count
    """Runs before the model was made."""


class Organisation(_Part, frozen=True, kw_only=True):
    """A tenant, with what belongs to it."""

    id: Id
    name: Name
    size: Count
    """In percent of a usual one."""
    users: tuple[User, ...]
    engines: tuple[Engine, ...]
    pipelines: tuple[Pipeline, ...]
    labels: tuple[Label, ...]
    jobs: tuple[Job, ...]


class Tolerance(_Part, frozen=True, kw_only=True):
    """What may differ from the model once jobs have run."""

    extra: bool = False
    """Whether there may be more rows."""
    missing: bool = False
    """Whether rows may be gone."""
    columns: tuple[str, ...] = ()
    """Columns that may hold something else."""


class Model(_Part, frozen=True, kw_only=True, gc=True, dict=True):
    """All tenants."""

    format: int
    seed: Annotated[int, Meta(ge=0, le=MOST_SEED)]
    data_model: Mapping[str, str]
    """File of the data model -> the SHA-256 of its bytes."""
    variables: Mapping[str, str]
    tolerances: Mapping[str, Tolerance]
    """Entity -> what may differ in it."""
    organisations: tuple[Organisation, ...]

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the model as a file."""
        return sha256(dumped(self)).hexdigest()


def with_variables(model: Model, given: Mapping[str, str]) -> Model:
    """Return the model with other values of some variables.

    Raises:
        UsageError: There is no such variable, or a value is not printable.
    """
    for name, value in given.items():
        if name not in model.variables:
            raise UsageError(
                f"--set {name}: the model has no such variable{nearest(name, model.variables)}",
                remedies=[f"set one of {', '.join(model.variables)}"],
            )
        if not value.isprintable():
            raise UsageError(f"--set {name}: {value!r} is not printable text", remedies=["set another value"])
    return msgspec.structs.replace(model, variables={**model.variables, **given})


def dumped(model: Model) -> bytes:
    """Return the file of a model: the same bytes for the same model, with a line for each organisation."""
    content = msgspec.to_builtins(model)
    organisations = content.pop("organisations")
    head = ",\n".join(f"{json.dumps(name)}: {json.dumps(value, sort_keys=True)}" for name, value in content.items())
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in organisations)
    return f'{{\n{head},\n"organisations": [\n{lines}\n]\n}}\n'.encode()
