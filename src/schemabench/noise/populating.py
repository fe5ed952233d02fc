"""Filling a ghost town: every row once, however often it is interrupted.

Owns the order of chunks and their transactions. Must not know how rows are made.

A chunk is the rows of one table for some organisations, as many as make a good COPY. Its rows, what a mapping makes of
them, and the note that they are there are one transaction.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import psutil
from psycopg import errors, sql

from schemabench.errors import UsageError
from schemabench.noise import mapping as mappings
from schemabench.noise.entities import ENTITIES, Entity, size
from schemabench.noise.mapping import Mappings
from schemabench.noise.model import Model, Organisation, with_variables
from schemabench.noise.town import Record, Town
from schemabench.units import format_bytes, plural

_CHUNK_ROWS = 200_000
"""Rows of a transaction, more or less: a second's work, which is lost if it is interrupted."""
_BYTES_PER_ROW = 120
"""Of a row with its index entries, on average over a model, measured; WAL comes on top."""


def populate(town: Town, model: Model, given: Mappings | None, show: Callable[[str, int], None]) -> int:
    """Make the town, or complete one that was interrupted; return how many rows were added.

    Args:
        town: Where.
        model: Its rows.
        given: The mapping, which carries them into the user's own tables; None for the one that the town was made with.
        show: Receives the table and the number of rows, as they are added; of what was there as well.

    Raises:
        UsageError: The schema holds something else, or another model.
        ServerError: The server refused.
    """
    with town.held(shared=False):
        record = town.record()
        if record is None:
            mapping = given or mappings.NONE
            _check_space(town, model)
            town.make(model, mapping.source)
        else:
            _check(town, record, model)
            mapping = mappings.of(record, given)
            _remap(town, record, mapping)
        added = sum(_fill(town, model, entity, mapping, show) for entity in ENTITIES.values())
        for name in ENTITIES:  # what is vacuumed already takes no time
            town.connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(town.table(name)))
    return added


def check_complete(town: Town, model: Model) -> None:
    """Refuse a town that is not that of a model, or was interrupted.

    Raises:
        UsageError: It is not there, or not complete.
    """
    record = town.made()
    if any(done < record.organisations for done, _ in town.filled().values()):
        raise UsageError(
            f"There is an incomplete ghost town in the schema {town.schema!r}",
            remedies=[f"complete it: schemabench noise populate --schema-name {town.schema}"],
        )
    _check(town, record, with_variables(model, record.variables))


def remove(town: Town, given: Mappings | None) -> bool:
    """Remove a town, and what a mapping carried into the user's own tables; return whether there was one.

    Args:
        town: What to remove.
        given: The mapping; None for the one that the town was made with.

    Raises:
        UsageError: The schema holds something else, or a mapping is given for a town that was made without one.
        ServerError: Something depends on the town: then nothing was removed.
    """
    with town.held(shared=False):
        record = town.record()
        if record is None:
            return False
        if given and not record.mapping:
            raise UsageError(
                f"The ghost town in the schema {town.schema!r} was made without a mapping, which would remove rows of "
                "others",
                remedies=["leave out --mapping"],
            )
        mapping = mappings.of(record, given)
        with town.connection.transaction():
            for entity in reversed(tuple(ENTITIES)):
                mapping.execute(town, entity, mappings.REMOVE, (0, 0))
            town.remove()
    return True


def _check(town: Town, record: Record, model: Model) -> None:
    """Refuse a town that was made from another model.

    Raises:
        UsageError: It was.
    """
    if record.digest == model.digest:
        return
    only_variables = with_variables(model, record.variables).digest == record.digest
    raise UsageError(
        f"The schema {town.schema!r} holds the ghost town of "
        + ("other variables" if only_variables else "another model")
        + f": seed {record.seed}, {plural(record.organisations, 'organisation')}"
        + "".join(f", {name}={value}" for name, value in record.variables.items() if only_variables),
        remedies=[
            f"remove it: schemabench noise drop --schema-name {town.schema}",
            "name another schema: --schema-name",
        ],
    )


def _remap(town: Town, record: Record, mapping: Mappings) -> None:
    """Take another mapping from now on, if neither has carried a row.

    Raises:
        UsageError: One has.
    """
    if mapping.source == record.mapping:
        return
    done = town.filled()
    if any(done[entity][0] for one in (mapping, mappings.of(record, None)) for entity in one.having(mappings.FILL)):
        raise UsageError(
            f"Rows of the ghost town in the schema {town.schema!r} were carried by another mapping, or by none",
            remedies=[
                "leave --mapping out: the town remembers its own",
                f"remove the town first, by the mapping it was made with: noise drop --schema-name {town.schema}",
            ],
        )
    town.remap(mapping.source)


def _fill(town: Town, model: Model, entity: Entity, mapping: Mappings, show: Callable[[str, int], None]) -> int:
    """Add the missing rows of one table; return their number."""
    organisations, there = town.filled()[entity.name]
    show(entity.name, there)
    added = 0
    for chunk in _chunks(entity, model.organisations[organisations:]):
        rows = 0
        with town.connection.transaction():
            columns = sql.SQL(", ").join(map(sql.Identifier, entity.columns))
            query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(town.table(entity.name), columns)
            with town.connection.cursor().copy(query) as copy:
                copy.set_types([*entity.types.values()])
                for one in chunk:
                    for row in entity.rows(model, one):
                        copy.write_row(row)
                    rows += entity.count(one)
            mapping.execute(town, entity.name, mappings.FILL, (chunk[0].id, chunk[-1].id))
            town.note(entity.name, len(chunk), rows)
        show(entity.name, rows)
        added += rows
    return added


def _chunks(entity: Entity, organisations: Sequence[Organisation]) -> Iterator[list[Organisation]]:
    """Yield the organisations in groups whose rows make a chunk."""
    chunk: list[Organisation] = []
    rows = 0
    for one in organisations:
        chunk.append(one)
        rows += entity.count(one)
        if rows >= _CHUNK_ROWS:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk


def _check_space(town: Town, model: Model) -> None:
    """Refuse a model that is larger than the server's disk, where that can be seen.

    Raises:
        UsageError: It is.
    """
    needed = size(model) * _BYTES_PER_ROW + sum(
        own.definition_bytes for one in model.organisations for own in one.pipelines
    )
    info = town.connection.info
    if not (info.host.startswith("/") or info.host in {"localhost", "127.0.0.1", "::1"}):
        return
    with suppress(errors.InsufficientPrivilege, OSError):
        row = town.connection.execute("SELECT current_setting('data_directory')").fetchone()
        assert row is not None, "it is one row"
        free = psutil.disk_usage(row[0]).free
        if needed > free:
            raise UsageError(
                f"The model has {plural(size(model), 'row')}, about {format_bytes(needed)}, and the server's disk has "
                f"{format_bytes(free)} free",
                remedies=["make a smaller model: --orgs, --sample", "free space on the disk"],
            )
