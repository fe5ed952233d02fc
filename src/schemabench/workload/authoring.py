"""The interface for authors of workloads: operations, writers, cardinalities, bursts, and what must hold afterwards.

Must not know how a workload is found, nor candidates or servers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from schemabench.cardinality import Axis

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Cardinality = TypeVar("Cardinality")
State = TypeVar("State")
Row: TypeAlias = tuple[object, ...]
"""One row of a result, as psycopg reads it: `int` or `Decimal` for numbers, `date`, `datetime`, `str`, lists, None."""


class Given(NamedTuple):
    """A value that another call gives, such as the number that the server has for a new row.

    Examples:
        >>> Call("insert_order", {"customer": 7}, gives={"id": "order 1"}).gives
        {'id': 'order 1'}
        >>> Call("insert_line", {"order_id": Given("order 1", known=4711), "line": 1}).values["order_id"].name
        'order 1'
    """

    name: str
    """As in `Call.gives` of an earlier call. The call starts when that one is committed, on whichever connection."""
    known: object = None
    """A value like it, with which plans are shown; it is sent if the other call names no column."""


class Call(NamedTuple):
    """One execution of an operation.

    Values have types that psycopg adapts: str, int, float, Decimal, bool, bytes, date, datetime, None, and lists of
    these. A list is an array, or JSON where its parameter or column holds JSON. A dict is JSON. Any other JSON value
    needs psycopg's `Jsonb`, as a list does in a statement whose text changes from call to call.

    Examples:
        >>> call = Call("place_order", {"order_id": 7, "tags": {"gift": True}}, key="7")
        >>> call.rows
        1
    """

    operation: str
    """The name of the operation: a `-- name:` block of `operations.sql`."""
    values: Mapping[str, object]
    """Parameter -> value, for every parameter of the operation."""
    key: str | None = None
    """Calls of one key keep their order, on one connection. None: assigned to the writer's connections in turn."""
    rows: int = 1
    """Logical rows that the call writes: 0 for a read or a refresh."""
    part: str = ""
    """The part that a call of a background or a model belongs to. A call of a writer belongs to the writer's."""
    transaction: str = ""
    """Successive calls of a key with the same one are one transaction; empty for one of its own."""
    gives: Mapping[str, str] = MappingProxyType({})
    """Column of the one row that its last statement returns -> the name under which other calls take its value, as
    `Given`. An empty column gives no value, only that the call is done. Nobody else may give the same name."""
    at_s: float | None = None
    """When it is due, in seconds since any moment, where a file is replayed at its own pace (`Replay.timed`)."""


class Rows(NamedTuple):
    """Many executions of one operation, for a background: cheaper than a `Call` for each.

    Examples:
        >>> rows = Rows("load_orders", ["order_id", "customer"], ((number, "ada") for number in range(3)))
        >>> list(rows.rows)
        [(0, 'ada'), (1, 'ada'), (2, 'ada')]
    """

    operation: str
    """The name of the operation, which may be a `COPY ... FROM STDIN`."""
    columns: Sequence[str]
    """The parameter of each value of a row."""
    rows: Iterable[Sequence[object]]
    """One row for each execution, consumed lazily."""
    part: str = ""
    """The part that they belong to; without one, every database gets them."""


@dataclass(frozen=True, kw_only=True)
class Writer:
    """A role that executes operations over its own connections: a stream, a batch, or a reader.

    Examples:
        >>> shop = Writer(name="shop", kind="stream", weight=4, clients=3, pace="90 orders a second")
        >>> shop.role, shop.part
        ('', '')
    """

    name: str
    """Its name in reports, which no other writer or companion has."""
    kind: Literal["stream", "batch", "reader"]
    """How calls are due where they have a pace (`--adequacy`, `--soak`, `rehearse`): those of a batch at equal
    intervals, those of others at random. Without a pace, it only decides how `-n` deals out connections."""
    weight: int
    """Calls in the smallest burst, at least 1. The size of a burst multiplies the weights of all writers.
    `schemabench balance` finds weights with which writers end together."""
    clients: int = 1
    """Its share of the connections: `--clients` are divided in this proportion, with at least one for each writer."""
    pace: str = ""
    """The writer's activity in production, in words, as in `2,000 sites every 30 s`."""
    identifiers: Mapping[str, str] = field(default_factory=dict)
    """The value of each `:"name"` in the operations for this writer; others come from the values of each call."""
    role: str = ""
    """The role as which its sessions execute (`SET ROLE`), so that grants and row-level security apply; empty for the
    role that connects, which owns everything. A server that schemabench starts gets the role, without any right."""
    part: str = ""
    """The part that it belongs to, one of disjoint sets of clients. A candidate says where parts live, and all writers
    of a part have the same identifiers."""


@dataclass(frozen=True, kw_only=True)
class Companion:
    """What runs beside all trials and belongs to no writer: a report, a checkpoint, a session that holds a snapshot.

    Every candidate has it in every trial alike. Its figures are kept apart from the writers'.

    Examples:
        >>> report = Companion(name="nightly report", operation="sum_of_all", every_s=0.5)
        >>> report.holds
        False
    """

    name: str
    """Its name in reports, which no writer or other companion has."""
    operation: str
    """What it executes: a block of `operations.sql`, which a candidate may override."""
    clients: int = 1
    """Its own connections, which `--clients` does not count."""
    every_s: float = 0.0
    """Seconds from one execution to the next, of the time that the candidate spends in trials; 0 for one after the
    other without end."""
    holds: bool = False
    """Whether it is executed once, in a transaction that stays open through all trials: a snapshot is held at
    `repeatable read`, locks are held at any level."""
    isolation: Literal["", "read committed", "repeatable read", "serializable"] = ""
    """The isolation level of its transactions; empty for the workload's."""
    values: Callable[[Random], Iterator[Mapping[str, object]]] | None = None
    """Returns the parameters of its executions, without end; None if the operation has none. All random values must
    come from the argument `random`."""
    identifiers: Mapping[str, str] = field(default_factory=dict)
    """The value of each `:"name"` in the operation."""
    part: str = ""
    """The part that it belongs to; without one, it runs in every database of a candidate."""


class BadLineError(ValueError):
    """Raised by a workload's replay for an unusable line, which is counted, shown and skipped.

    Examples:
        >>> def parse(line: str) -> int:
        ...     if not line.isdecimal():
        ...         raise BadLineError(f"{line!r} is no number of an order")
        ...     return int(line)
        >>> parse("7")
        7
    """


@dataclass(frozen=True, kw_only=True)
class OtherInput:
    """A further file for a replay: read whole, before its calls start.

    Examples:
        >>> prices = OtherInput(columns="article, price in cents", parse=lambda line: line.split(","))
        >>> prices.parse("pen,120")
        ['pen', '120']
    """

    columns: str
    """Its columns, for people."""
    parse: Callable[[str], Any]
    """One line of it -> the value for `Replay.calls`; as in `Replay`."""


@dataclass(frozen=True, kw_only=True)
class FileSeries(Generic[Cardinality]):
    """How a folder of files, each for one period of time, replaces a single file; subfolders are searched, too.

    Examples:
        >>> def calls(shop, orders, others, cycle, day):
        ...     return (Call("place_order", {"order_id": order, "day": day}) for order in orders)
        >>> series = FileSeries(named="orders-%Y%m%d", every=timedelta(days=1), latest=7, calls=calls)
        >>> next(series.calls(None, iter([7]), {}, 0, datetime(2026, 1, 31))).values["day"].day
        31
    """

    named: str
    """The name of a file without `.gz`, as a format of `strftime` for the time at which its period starts."""
    every: timedelta
    """From one period to the next."""
    latest: int
    """The number of latest periods that are replayed unless `--replay-range` says which."""
    calls: Callable[[Cardinality, Iterator[Any], Mapping[str, Sequence[Any]], int, datetime], Iterator[Call]]
    """As `Replay.calls`, with the time that the file's name tells: called for each file, in order of time. After the
    last one, `cycle` is increased by one and the first file comes again."""


@dataclass(frozen=True, kw_only=True)
class Replay(Generic[Cardinality]):
    """How files replace a writer's generator.

    Examples:
        >>> replay = Replay(
        ...     writer="shop",
        ...     columns="the number of the order",
        ...     parse=int,
        ...     calls=lambda shop, orders, others, cycle: (Call("place_order", {"order_id": one}) for one in orders),
        ... )
        >>> next(replay.calls(None, iter([7]), {}, 0)).values
        {'order_id': 7}
    """

    writer: str
    """The writer that the main file feeds."""
    columns: str
    """How the file's columns map to parameters, for people."""
    parse: Callable[[str], Any]
    """One line of the main file -> the value for `calls`; None to skip the line (a blank one, a header). Raises
    `BadLineError` for an unusable line."""
    calls: Callable[[Cardinality, Iterator[Any], Mapping[str, Sequence[Any]], int], Iterator[Call]]
    """(cardinality, parsed lines, parsed lines of other inputs by name, cycle) -> calls. Consumed lazily: the main file
    is never entirely in memory. At its end, `calls` is called again, with `cycle` increased by one; the first is 0."""
    others: Mapping[str, OtherInput] = field(default_factory=dict)
    """Further input files by name (`--replay workload.name=PATH`), each optional."""
    timed: bool = False
    """Whether every call says when it is due (`Call.at_s`, ascending): `--adequacy` then replays the file at its own
    pace, from its start, `--soak` goes on in it from turn to turn, and `Workload.production_s` must hold for the
    file. Times of a further cycle may go on or begin anew: they then follow the last one."""
    series: FileSeries[Cardinality] | None = None
    """How a folder takes the main file's place; None if only a file can be replayed."""


@dataclass(frozen=True, kw_only=True)
class Model(Generic[Cardinality, State]):
    """The expected rows of a database that starts without rows, after any sequence of calls, in plain Python.

    Every candidate is checked against it before it is measured (see `--equivalence`).

    Examples:
        >>> from hypothesis import strategies as st
        >>> def place(orders, call):
        ...     orders.add(call.values["order_id"])
        >>> model = Model(
        ...     initial=set,
        ...     calls=lambda shop: st.integers(1, 3).map(lambda one: Call("place_order", {"order_id": one})),
        ...     apply=place,
        ...     state=lambda orders: {"orders": [(one,) for one in sorted(orders)]},
        ... )
        >>> orders = model.initial()
        >>> model.apply(orders, Call("place_order", {"order_id": 7}))
        >>> model.state(orders)
        {'orders': [(7,)]}
    """

    initial: Callable[[], State]
    """The state of a database without rows."""
    calls: "Callable[[Cardinality], SearchStrategy[Call]]"
    """A Hypothesis strategy of single calls, with few keys, so that calls collide, and with edge cases."""
    apply: Callable[[State, Call], Sequence[Row] | None]
    """Apply a call to the state, in place. Returns the expected rows of the call, in order; None if it returns none, or
    candidates may return different ones."""
    state: Callable[[State], Mapping[str, Sequence[Row]]]
    """Query -> its expected rows, in order, for `state` queries and invariants; omitted queries are not compared."""
    possible: Callable[[State, Call], bool] = lambda *_: True
    """Whether the writers could make the call in this state; otherwise it is dropped from its sequence."""
    fresh_within_s: float = 0.0
    """How old the answers of `includes` may be, in seconds of production; see docs/staleness.md."""
    includes: Mapping[str, str] = field(default_factory=dict)
    """Operation whose answers may be old -> the column of its answer whose sum tells how many rows of `counted` it
    includes."""
    counted: tuple[str, ...] = ()
    """The operations whose rows such an answer counts, those of the background among them."""
    passes_s: Callable[[Call], float] = lambda _: 0.0
    """The seconds of production that pass with a call, in the model check: for example those between two runs of a
    job."""


@dataclass(frozen=True, kw_only=True)
class Workload(Generic[Cardinality]):
    """A team's write pattern.

    The SQL of its operations is in `operations.sql`, next to the module: each `-- name:` block is one operation, which
    a candidate may override. `state` and `invariants` name blocks of that file, too.

    Examples:
        >>> from itertools import count
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Shop:
        ...     customers: int
        >>> def burst(shop, writer, block, random):
        ...     for order in count(block * 1_000_000):
        ...         yield Call("place_order", {"order_id": order, "customer": random.randrange(shop.customers)})
        >>> workload = Workload(
        ...     name="orders",
        ...     summary="a shop places orders",
        ...     cardinalities={"typical": Shop(customers=500)},
        ...     writers=lambda shop: [Writer(name="shop", kind="stream", weight=4)],
        ...     burst=burst,
        ... )
        >>> next(workload.burst(Shop(customers=1), "shop", 2, Random(1))).values
        {'order_id': 2000000, 'customer': 0}
    """

    name: str
    """The name of its folder."""
    summary: str
    """One line for people."""
    cardinalities: Mapping[str, Cardinality]
    """The pinned ones, `typical` among them: frozen dataclasses whose fields are plain values."""
    writers: Callable[[Cardinality], Sequence[Writer]]
    """(cardinality) -> its writers: at least one, each with a name of its own."""
    burst: Callable[[Cardinality, str, int, Random], Iterator[Call]]
    """(cardinality, writer, block, random) -> the writer's calls in that block, endless: as many are taken as the size
    of the burst requires. All random values must come from the argument `random`, so that a seed repeats a run."""
    production_s: Callable[[Cardinality], float] | None = None
    """The seconds of production load in the smallest burst, if its writers have production's proportions: it determines
    headroom and the pace of `--adequacy`, `--soak` and `schemabench rehearse`. None if nothing is known of
    production."""
    background: Callable[[Cardinality, Random], Iterator[Call | Rows]] = lambda *_: iter(())
    """Calls and rows that fill an empty database before measuring, in order. Successive ones of an operation that is a
    COPY are one COPY."""
    background_rows: Callable[[Cardinality], int] | None = None
    """The number of executions in the background, for the progress bar; None if it is not known beforehand."""
    grows: str = ""
    """The field of the cardinality that says how many rows the background has, for `schemabench growth --over rows`. If
    a larger background begins with the same executions, databases are grown rather than loaded anew; see
    docs/growth.md."""
    tenants: Callable[[Cardinality, Sequence[Any], Random], Iterator[Call | Rows]] | None = None
    """(cardinality, organisations, random) -> what puts the organisations of `--noise` into the candidates' own tables,
    after the background; see docs/noise.md. None if they have no place there."""
    companions: Callable[[Cardinality], Sequence[Companion]] = lambda _: ()
    """What runs beside all trials and belongs to no writer; by default nothing."""
    interference: bool = False
    """Whether each part's writers also execute a burst alone in each block, which shows how parts slow each other."""
    state: tuple[str, ...] = ()
    """Queries that must return the same rows for all candidates after the same bursts, and the model's in its order."""
    invariants: tuple[str, ...] = ()
    """Queries that return violations: no rows if all is well."""
    bounds: Callable[[Cardinality], Mapping[str, object]] = lambda _: {}
    """The value of each `:'name'` in the invariants, which thus check what was loaded against the cardinality; None is
    NULL. Such an invariant is not asked where a file is replayed, which the cardinality does not describe."""
    replay: Replay[Cardinality] | None = None
    """How files replace a writer's generator (`--replay NAME=PATH`); None if none can."""
    isolation: Literal["read committed", "repeatable read", "serializable"] = "read committed"
    """The isolation level of all transactions. Resulting rollbacks are retried, counted and charged to the
    candidate."""
    strategy: "Callable[[], SearchStrategy[Cardinality]] | None" = None
    """All sensible cardinalities, for Hypothesis to choose from: sizes by `schemabench.log_scale`, limited so that the
    background loads in seconds. A function, because only draws and searches load Hypothesis."""
    axes: tuple[Axis, ...] = ()
    """The two fields of the cardinality that are most likely to change the ranking, for a map; or none."""
    model: Model[Cardinality, Any] | None = None
    """The expected rows: without a model, candidates are only compared with the baseline, after the last block."""
