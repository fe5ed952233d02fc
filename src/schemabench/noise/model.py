"""A model of noise: tenants with what belongs to them, as a JSON file that is the same everywhere.

Owns the form of the file and its checks. Must not draw anything, nor know a database.

Numbers of an organisation are its own: its identifiers begin with that of the organisation, so that more organisations
change nothing in those before. The file has a line for each organisation.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.noise.datamodel import KINDS, STATES

FORMAT = 1
"""The version of the file: raised when a field changes its meaning or goes away."""
OWN_IDS = 1_000_000
"""The identifier of what belongs to an organisation is that of the organisation times this, and a number."""
ENGINE_ADDRESS = "engine_address"
"""The variable with the address of engines, in which `{organisation}` and `{engine}` stand for their identifiers."""
VARIABLES = {ENGINE_ADDRESS: "http://engine-{engine}.organisation-{organisation}.invalid:18630"}
"""What must differ from place to place, and what it is unless it is set."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Id: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000_000_000_000)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[^\\x00]*$")]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object of the file."""


class User(_Part, frozen=True, kw_only=True):
    """A user of an organisation."""

    id: Id
    name: Name
    role: Name
    audits: Count
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
    definition_bytes: Annotated[int, Meta(ge=0, le=10_000_000)]


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
    every_s: Annotated[int, Meta(ge=1, le=31_536_000)]
    """Seconds from one run to the next."""
    offset_s: Count
    """Seconds from the start to the first run; less than `every_s`."""
    reads: Count
    """Records that a run reads."""
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


class Origin(_Part, frozen=True, kw_only=True):
    """The data model that a model was made with."""

    name: str
    digests: Mapping[str, str]
    """File -> the SHA-256 of its bytes."""


class Model(_Part, frozen=True, kw_only=True):
    """All tenants."""

    format: int
    seed: int
    data_model: Origin
    variables: Mapping[str, str]
    tolerances: Mapping[str, Tolerance]
    """Entity -> what may differ in it."""
    organisations: tuple[Organisation, ...]

    @property
    def digest(self) -> str:
        """The SHA-256 of the model as a file."""
        return sha256(dumped(self)).hexdigest()


def with_variables(model: Model, given: Mapping[str, str]) -> Model:
    """Return the model with other values of some variables.

    Raises:
        UsageError: There is no such variable.
    """
    for name in given:
        if name not in model.variables:
            raise UsageError(
                f"--set {name}: the model has no such variable{nearest(name, model.variables)}",
                remedies=[f"set one of {', '.join(model.variables)}"],
            )
    return msgspec.structs.replace(model, variables={**model.variables, **given})


def dumped(model: Model) -> bytes:
    """Return the file of a model: the same bytes for the same model, with a line for each organisation."""
    content = msgspec.to_builtins(model)
    organisations = content.pop("organisations")
    head = ",\n".join(f"{json.dumps(name)}: {json.dumps(value, sort_keys=True)}" for name, value in content.items())
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in organisations)
    return f'{{\n{head},\n"organisations": [\n{lines}\n]\n}}\n'.encode()
