"""Orders: a shop that takes orders and shows customers their totals. Replace it with your own write pattern."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from schemabench import Axis, Call, Model, Workload, Writer, log_scale

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True, kw_only=True)
class Orders:
    """How large the shop is."""

    customers: int
    """Customers with orders."""
    background_orders: int
    """Orders that are there before anything is measured."""


def writers(_: Orders) -> tuple[Writer, ...]:
    """Return who is at work: two totals are read for each order that is placed or changed.

    `schemabench balance orders` finds weights with which they end a burst together.
    """
    return (
        Writer(name="shop", kind="stream", weight=4, clients=3, pace="200 orders a second"),
        Writer(name="website", kind="reader", weight=8, clients=1, pace="400 totals a second"),
    )


def order(orders: Orders, order_id: int, random: Random) -> Call:
    """Return the call that places an order, or changes it; one order's calls keep their sequence."""
    values = {
        "order_id": order_id,
        "customer": f"customer_{random.randrange(orders.customers):05}",
        "amount_cents": random.randint(100, 100_000),
    }
    return Call("place_order", values, key=str(order_id))


def background(orders: Orders, random: Random) -> Iterator[Call]:
    """Yield the orders of the past."""
    return (order(orders, order_id, random) for order_id in range(orders.background_orders))


def burst(orders: Orders, writer: str, block: int, random: Random) -> Iterator[Call]:
    """Yield what a writer does in a block, without end."""
    while True:
        if writer == "shop":
            yield order(orders, random.randrange(2 * orders.background_orders), random)
        else:
            yield Call("customer_total", {"customer": f"customer_{random.randrange(orders.customers):05}"}, rows=0)


def strategy() -> "SearchStrategy[Orders]":
    """Return all shops that make sense: `schemabench crossover orders` searches them for where the answer changes."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loaded only where something is drawn)

    return st.builds(
        Orders,
        customers=st.sampled_from(log_scale(10, 5_000)),
        background_orders=st.sampled_from(log_scale(100, 20_000)),
    )


# The model: what the rows must be, in plain Python. Before anything is measured, every candidate executes sequences of
# the calls below beside it, and must show the same rows after each.

Placed = dict[int, tuple[str, int]]
"""Order -> its customer and its amount in cents."""


def calls(_: Orders) -> "SearchStrategy[Call]":
    """Return single calls: few orders and customers, so that calls meet, and amounts at the edges."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loads for half a second, and only where a model is used)

    customers = st.sampled_from(("customer_00000", "customer_00001", "ζωή's"))
    amounts = st.sampled_from((100, 0, 2**63 - 1))
    place = st.fixed_dictionaries({"order_id": st.integers(1, 3), "customer": customers, "amount_cents": amounts})
    return st.one_of(
        place.map(lambda values: Call("place_order", values)),
        customers.map(lambda customer: Call("customer_total", {"customer": customer}, rows=0)),
    )


def apply(placed: Placed, call: Call) -> list[tuple[object, ...]] | None:
    """Execute a call; return the rows that it must answer with."""
    values: Any = call.values
    if call.operation == "customer_total":
        amounts = [amount for customer, amount in placed.values() if customer == values["customer"]]
        return [(len(amounts), sum(amounts) if amounts else None)]
    customer, _ = placed.get(values["order_id"], (values["customer"], 0))  # an order stays with its customer
    placed[values["order_id"]] = (customer, values["amount_cents"])
    return None


def state(placed: Placed) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows that the queries must return."""
    amounts = {
        customer: [amount for other, amount in placed.values() if other == customer] for customer, _ in placed.values()
    }
    totals: list[tuple[object, ...]] = [(customer, len(some), sum(some)) for customer, some in sorted(amounts.items())]
    return {"totals": totals, "negative_amounts": []}


WORKLOAD = Workload(
    name="orders",
    summary="a shop places orders and shows customers their totals",
    cardinalities={
        "typical": Orders(customers=200, background_orders=500),
        "worst": Orders(customers=50, background_orders=20_000),
    },
    strategy=strategy,
    axes=(Axis(field="customers", low=10, high=5_000), Axis(field="background_orders", low=100, high=20_000)),
    writers=writers,
    burst=burst,
    background=background,
    grows="background_orders",
    state=("totals",),
    invariants=("negative_amounts",),
    model=Model(initial=dict, calls=calls, apply=apply, state=state),
)
