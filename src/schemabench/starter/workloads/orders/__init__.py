"""Orders: a shop that places orders and shows customers their totals. Replace it with your own write pattern."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from schemabench import Call, Workload, Writer


@dataclass(frozen=True, kw_only=True)
class Orders:
    """How large the shop is."""

    customers: int
    """Customers with orders."""
    background_orders: int
    """Orders that are there before anything is measured."""


def writers(_: Orders) -> tuple[Writer, ...]:
    """Return who is at work: five totals are read for each order that is placed."""
    return (
        Writer(name="shop", kind="stream", weight=4, clients=3, pace="90 orders a second"),
        Writer(name="website", kind="reader", weight=20, clients=1, pace="450 totals a second"),
    )


def order(orders: Orders, order_id: int, random: Random) -> Call:
    """Return the call that places an order; one order's calls keep their sequence."""
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
    order_id = orders.background_orders + block * 1_000_000
    while True:
        if writer == "shop":
            order_id += 1
            yield order(orders, order_id, random)
        else:
            yield Call("customer_total", {"customer": f"customer_{random.randrange(orders.customers):05}"}, rows=0)


WORKLOAD = Workload(
    name="orders",
    summary="a shop places orders and shows customers their totals",
    cardinalities={
        "typical": Orders(customers=500, background_orders=2_000),
        "worst": Orders(customers=50, background_orders=20_000),
    },
    writers=writers,
    burst=burst,
    background=background,
    state=("totals",),
    invariants=("negative_amounts",),
)
