"""Values of calls as the server receives them: in text format, by psycopg's own dumpers.

Owns which values can be sent, and what is said of those that cannot. Must not know whose calls they are.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import partial
from struct import Struct
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, Dumper, PyFormat, Transformer
from psycopg.pq import Format
from psycopg.types.array import ListDumper
from psycopg.types.json import Jsonb, JsonbBinaryDumper, JsonbDumper

from schemabench.errors import Place, WorkloadError
from schemabench.statements import Operation

_QUOTED = re.compile(rb'["\\]')
"""What has a backslash before it within an array's quotes."""
_ESCAPES = {b"\\": b"\\\\", b"\b": b"\\b", b"\f": b"\\f", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t", b"\v": b"\\v"}
"""What COPY would take for something else."""
_SPECIAL = re.compile(rb"[\\\x08\f\n\r\t\v]")
_PART_BYTES = 1 << 16
_BINARY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_FIELDS, _SIZE = Struct("!h"), Struct("!i")
_BITS = {psycopg.adapters.types[name].oid: (name, bits) for name, bits in (("int2", 16), ("int4", 32))}
"""The integer types of which psycopg cuts larger values, in binary format."""
UNFIT = (psycopg.Error, AttributeError, OverflowError, TypeError, ValueError)
"""What psycopg raises for a value that it cannot dump as a type, in binary format."""
_LISTS = list, tuple
_SHOWN_CHARACTERS = 80  # of a value in an error
_AS_JSON = (
    "a dict, or a list that holds one, is sent as JSON: of str, int, finite float, bool, None, lists and dicts alone"
)
_NOTHING = "\\u0000"
"""In JSON, the character that no server stores."""
_AS_OTHERS = "pass str, int, float, Decimal, bool, bytes, date, datetime, None, dict, or a list of one of these"


DOCUMENTS = """
WITH RECURSIVE kinds (oid, many) AS (
    SELECT pg_catalog.unnest('{json,jsonb}'::pg_catalog.regtype[])::pg_catalog.oid, false
    UNION ALL
    SELECT t.oid, k.many OR t.typelem = k.oid
    FROM pg_catalog.pg_type t
    JOIN kinds k ON t.typbasetype = k.oid OR (t.typelem = k.oid AND NOT k.many)
)
SELECT oid::pg_catalog.text, CASE WHEN many THEN 'many' ELSE 'one' END FROM kinds
"""
"""The types of a database that hold JSON: JSON itself, arrays of it, and domains over these."""


class Document(Enum):
    """What a parameter or a column holds, if it holds JSON."""

    ONE = "one"
    """JSON."""
    MANY = "many"
    """An array of JSON."""


class Listed(bytes):
    """A list in text format: by itself as an array or a row, and as JSON where its parameter holds that."""

    document: bytes
    """It as JSON."""

    def as_held(self, kind: Document) -> bytes:
        """Return it as a parameter takes it that holds JSON."""
        if kind is Document.ONE:
            return self.document
        return as_array(None if one is None else json.dumps(one).encode() for one in json.loads(self.document))


def held(value: object, kind: Document) -> object:
    """Return a list as psycopg is to adapt it for what holds JSON; any other value as it is."""
    if not isinstance(value, list | tuple):
        return value
    return Jsonb(value) if kind is Document.ONE else [None if one is None else Jsonb(one) for one in value]


class _HexDumper(Dumper):
    """Dumps bytes without asking a connection which escapes it understands."""

    oid = psycopg.adapters.types["bytea"].oid

    def dump(self, obj: bytes) -> bytes:
        return b"\\x" + obj.hex().encode()


class _JsonDumper(JsonbDumper):
    """Dumps JSON, which has neither NaN nor infinity, though Python writes them."""

    _dumps = partial(json.dumps, allow_nan=False)


class _JsonBinaryDumper(JsonbBinaryDumper):
    """Likewise, in binary format."""

    _dumps = partial(json.dumps, allow_nan=False)


class _ListDumper(ListDumper):
    """Dumps a list that holds a dict as JSON, and any other as an array."""

    def get_key(self, obj: list[Any], format: PyFormat) -> Any:  # noqa: A002, ANN401 (as psycopg has it)
        return (self.cls, dict) if _is_json(obj) else super().get_key(obj, format)

    def upgrade(self, obj: list[Any], format: PyFormat) -> Any:  # noqa: A002, ANN401 (likewise)
        return _JsonDumper(self.cls) if _is_json(obj) else super().upgrade(obj, format)


def register_json(adapters: AdaptersMap) -> None:
    """Have dicts, and lists that hold one at any depth, sent as jsonb in text format, and refuse NaN in any jsonb."""
    adapters.register_dumper(dict, _JsonDumper)
    adapters.register_dumper(Jsonb, _JsonDumper)
    adapters.register_dumper(Jsonb, _JsonBinaryDumper)  # which is jsonb's, of whatever value
    adapters.register_dumper(list, _ListDumper)


class Encoder:
    """From Python values to text format. A dict is JSON, and a list is `Listed`.

    A list that no array of the server can hold, as it holds a dict at any depth or values of several types, is JSON by
    itself, too.

    Args:
        operations: Those that are called, to point at the parameter whose value cannot be sent.
    """

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        adapters = AdaptersMap(psycopg.adapters)
        adapters.register_dumper(bytes, _HexDumper)
        register_json(adapters)
        self._transformer = Transformer(adapters)
        self._operations = operations

    def __call__(self, operation: str, values: Mapping[str, object]) -> dict[str, bytes | None]:
        """Return the values of a call in text format.

        Raises:
            WorkloadError: One cannot be sent; with the place of its parameter.
        """
        encoded: dict[str, bytes | None] = {}
        for name, value in values.items():
            try:
                encoded[name] = self._dump(value)
            except (psycopg.Error, TypeError, ValueError) as cause:
                raise WorkloadError(
                    f"A value of {operation!r} cannot be sent: :{name} is of type {type(value).__name__!r}: {cause}",
                    where=self._place(operation, name),
                    checked=[f":{name} = {repr(value)[:_SHOWN_CHARACTERS]}"],
                    remedies=[_AS_JSON if _is_json(value) else _AS_OTHERS],
                ) from cause
        return encoded

    def _dump(self, value: object) -> bytes | None:
        if value is None:
            return None
        if isinstance(value, _LISTS):
            return self._listed(value)
        return self._dumped(value)

    def _listed(self, value: list[object] | tuple[object, ...]) -> bytes | None:
        """Return a list."""
        try:
            document = json.dumps(value, allow_nan=False).encode()
        except (TypeError, ValueError):
            return self._dumped(value)
        try:
            plain = self._dumped(value)
        except psycopg.DataError:
            if _NOTHING in document.decode():
                raise
            plain = document
        assert plain is not None, "only None is NULL"
        found = Listed(plain)
        found.document = document
        return found

    def _dumped(self, value: object) -> bytes | None:
        dumped = self._transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped)

    def _place(self, operation: str, parameter: str) -> Place | None:
        """Return where an operation has a parameter; None where it has none of that name."""
        statements = self._operations[operation].statements if operation in self._operations else ()
        found = (one.text.place(one.mark(parameter)) for one in statements if parameter in one.needs)
        return next(found, None)


def _is_json(value: object) -> bool:
    """Return whether a value is a dict, or a list that holds one: no array of the server can hold it."""
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_is_json, value)))


def as_array(values: Iterable[bytes | None]) -> bytes:
    """Return encoded values as one array, in text format."""
    return (
        b"{"
        + b",".join(b"NULL" if one is None else b'"' + _QUOTED.sub(rb"\\\g<0>", one) + b'"' for one in values)
        + b"}"
    )


def as_rows(rows: Iterable[Sequence[bytes | None]]) -> list[bytes]:
    """Return rows of encoded values as COPY reads them in text format, in parts of about 64 KiB."""
    parts: list[bytes] = []
    lines: list[bytes] = []
    size = 0
    for row in rows:
        lines.append(b"\t".join(b"\\N" if one is None else _SPECIAL.sub(_escaped, one) for one in row) + b"\n")
        size += len(lines[-1])
        if size >= _PART_BYTES:
            parts.append(b"".join(lines))
            lines, size = [], 0
    return [*parts, b"".join(lines)] if lines else parts


def as_binary_rows(rows: Iterable[Sequence[bytes | None]], types: Sequence[int]) -> list[bytes]:
    """Return rows of encoded values as COPY reads them in binary format, in parts of about 64 KiB.

    Args:
        rows: Of values in text format.
        types: The object ids of the columns' types.

    Raises:
        UNFIT: psycopg does not know the binary format of a type, or a value does not fit the type of its column.
    """
    reading, writing = Transformer(psycopg.adapters), Transformer(psycopg.adapters)
    reading.set_loader_types(types, Format.TEXT)
    writing.set_dumper_types(types, Format.BINARY)
    formats = [PyFormat.BINARY] * len(types)
    parts, part = [], bytearray(_BINARY_HEADER)
    ranges = Ranges(types)
    for row in map(reading.load_sequence, rows):
        ranges.check(row)
        part += _FIELDS.pack(len(types))
        for value in writing.dump_sequence(row, formats):
            part += _SIZE.pack(-1) if value is None else _SIZE.pack(len(value)) + bytes(value)
        if len(part) >= _PART_BYTES:
            parts.append(bytes(part))
            part = bytearray()
    return [*parts, bytes(part + _FIELDS.pack(-1))]


class Ranges:
    """The ranges of the integers among some columns, which psycopg does not check in binary format.

    Args:
        types: The object ids of the columns' types.
    """

    def __init__(self, types: Sequence[int]) -> None:
        self._bounds = [(place, *_BITS[oid]) for place, oid in enumerate(types) if oid in _BITS]

    def check(self, row: Sequence[Any]) -> None:
        """Check the values of a row.

        Raises:
            ValueError: One is out of range.
        """
        for place, name, bits in self._bounds:
            value = row[place]
            if value is not None and not -(1 << bits - 1) <= value < 1 << bits - 1:
                raise ValueError(f"{value} is out of range for {name}")


def unfit(names: Sequence[str], row: Sequence[object], types: Sequence[int]) -> str:
    """Return the first value of a row that cannot be sent in binary format, with its name; empty if there is none."""
    adapters = AdaptersMap(psycopg.adapters)
    register_json(adapters)
    for name, value, oid in zip(names, row, types, strict=True):
        writing = Transformer(adapters)
        try:
            writing.set_dumper_types([oid], Format.BINARY)
            writing.dump_sequence([value], [PyFormat.BINARY])
            Ranges([oid]).check([value])
        except UNFIT:
            return f":{name} = {repr(value)[:_SHOWN_CHARACTERS]}"
    return ""


def _escaped(special: re.Match[bytes]) -> bytes:
    return _ESCAPES[special[0]]
