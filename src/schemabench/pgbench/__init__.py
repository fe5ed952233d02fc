"""A project from scripts of pgbench: its SQL as operations, its settings as Python, its weights as a mix.

    found = convert(["tpcb-like@1", "mine.sql@9"], given=["scale=10"], schema=Path("schema.sql"), name="mine")
    for path, content in found.files.items(): ...

Every file of the project stands by itself: neither scripts nor pgbench are needed afterwards.
"""

from collections.abc import Sequence
from keyword import kwlist
from pathlib import Path

from schemabench.deriving import plain_name
from schemabench.deriving.code import apart
from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.pgbench import builtins, project, variables
from schemabench.pgbench.convert import check, converted
from schemabench.pgbench.live import Live, derived
from schemabench.pgbench.project import Project
from schemabench.pgbench.scripts import Script, commands
from schemabench.statements import Text

__all__ = ["Live", "convert"]

_MOST = 2**31 - 1
"""Of a weight."""


def convert(
    words: Sequence[str], *, given: Sequence[str], schema: Path | None, name: str, source: Live | None = None
) -> dict[str, str]:
    """Return the files of a project: path -> text.

    Args:
        words: Scripts: each a file or the name of one of pgbench's own, with its weight behind `@`.
        given: Variables, as in `scale=10`.
        schema: The file with the schema; None for the tables of pgbench's own scripts.
        name: The workload's name; empty for that of the script, if there is one.
        source: The live database that the schema and the rows come from; None if it is none.

    Raises:
        UsageError: A script or the schema cannot be read or converted, or does not fit the live database.
        ServerError: The live database cannot be read.
    """
    own_operations = {*builtins.FILLS, *builtins.STATES}
    taken = {*project.TAKEN, *own_operations, *kwlist}
    scripts = [_script(word, taken) for word in words]
    if not any(one.weight for one in scripts):
        raise UsageError("All scripts have a weight of 0", remedies=["write a weight above 0: --pgbench FILE@1"])
    mine = next((one for one in scripts if not one.builtin), None)
    if mine and schema is None and source is None:
        raise UsageError(
            f"{mine.label} needs the schema of its tables",
            remedies=[
                "name a file: --schema schema.sql, as pg_dump --schema-only writes it",
                "name a database: --from postgresql://user@host/database, which is only read",
            ],
        )
    before = variables.variables(given)
    own = plain_name(name or (scripts[0].name if len(scripts) == 1 else "pgbench"))
    made = [converted(one, variables.known(before), own_operations) for one in scripts]
    check(made)
    found = Project(
        name=own,
        scripts=made,
        variables=before,
        schema=_read(schema, "--schema") if schema else "",
        live=derived(source, own, made) if source else None,
    )
    return project.files(found)


def _script(word: str, taken: set[str]) -> Script:
    """Return the script of an argument."""
    name, sign, digits = word.rpartition("@")
    name, weight = (name, digits) if sign else (word, "1")
    if not name:
        raise UsageError(f"--pgbench {word!r} names no script", remedies=["write --pgbench FILE, or FILE@9"])
    if not (weight.isascii() and weight.isdecimal()) or int(weight) > _MOST:
        raise UsageError(
            f"--pgbench {word} has no weight behind the @",
            remedies=[
                f"write a whole number up to {_MOST:,}: --pgbench FILE@9, or --pgbench FILE for a weight of 1",
                f"write a weight behind a name with an @, too: --pgbench {word}@1",
            ],
        )
    path, builtin = Path(name), builtins.named(name)
    own = not path.exists() and len(builtin) == 1
    source = builtins.script(builtin[0]) if own else _read(path, "--pgbench", near=nearest(name, builtins.SCRIPTS))
    label = builtin[0] if own else path.name
    text = Text(path=Path(label) if own else path, source=source, start=0, end=len(source))
    plain = apart(plain_name(Path(label).stem), taken)
    taken.add(plain)
    return Script(
        name=plain,
        label=label,
        weight=int(weight),
        commands=commands(text.path, source),
        text=text,
        builtin=own,
    )


def _read(path: Path, flag: str, near: str = "") -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors write a byte-order mark
    except (OSError, UnicodeDecodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "it is not UTF-8"
        remedies = [f"name a file of SQL: {flag} FILE"]
        if flag == "--pgbench":
            remedies.append(f"name one of pgbench's own scripts: {', '.join(builtins.SCRIPTS)}")
        raise UsageError(f"{path} cannot be read: {reason}{near}", remedies=remedies) from cause
    if "\0" in text:
        whole = Text(path=path, source=text, start=0, end=len(text))
        raise UsageError(
            f"{path} contains a NUL character, which Postgres does not accept", where=whole.place(text.index("\0"))
        )
    return text
