"""Values of calls as the server receives them: in text format, by psycopg's own dumpers.

Owns which values can be sent, and what is said of those that cannot. Must not know whose calls they are.
"""

from collections.abc import Mapping

import psycopg
from psycopg.adapt import AdaptersMap, Dumper, PyFormat, Transformer

from schemabench.errors import Place, WorkloadError
from schemabench.sqlfile import Operation

_SHOWN_CHARACTERS = 80  # of a value in an error
_AS_JSON = "for json or jsonb, wrap it: psycopg.types.json.Jsonb(value)"
_AS_OTHERS = "pass str, int, float, Decimal, bool, bytes, date, datetime, None, or a list of one of these"


class _HexDumper(Dumper):
    """Dumps bytes without asking a connection which escapes it understands."""

    oid = psycopg.adapters.types["bytea"].oid

    def dump(self, obj: bytes) -> bytes:
        return b"\\x" + obj.hex().encode()


class Encoder:
    """From Python values to text format.

    Args:
        operations: Those that are called, to point at the parameter whose value cannot be sent.
    """

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        adapters = AdaptersMap(psycopg.adapters)
        adapters.register_dumper(bytes, _HexDumper)
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
                    remedies=[*([_AS_JSON] if isinstance(value, dict | list) else []), _AS_OTHERS],
                ) from cause
        return encoded

    def _dump(self, value: object) -> bytes | None:
        if value is None:
            return None
        dumped = self._transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped)

    def _place(self, operation: str, parameter: str) -> Place | None:
        """Return where an operation has a parameter; None where it has none of that name."""
        statements = self._operations[operation].statements if operation in self._operations else ()
        found = (one.text.place(one.mark(parameter)) for one in statements if parameter in one.parameters)
        return next(found, None)
