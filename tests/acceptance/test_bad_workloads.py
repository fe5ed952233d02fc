"""Workloads that cannot be used, and files that cannot be replayed: each a clear error that names the place."""

import gzip
import json

import pytest
from shop import Shop, assert_clear, collecting, said

MODULE = "workloads/orders/__init__.py"
REPLAY = """
def parse(line: str) -> int | None:
    if line == "order_id":
        return None
    if not line.isdecimal():
        raise BadLineError("not a number")
    return int(line)


def replayed(orders: Orders, numbers: Iterator[int], others: object, cycle: int) -> Iterator[Call]:
    return (order(orders, cycle * 10**9 + number, Random(number)) for number in numbers)

"""


MODULE_OF, OPERATIONS_OF = "workloads/{}/__init__.py", "workloads/{}/operations.sql"
CASES = {
    "syntax": (MODULE_OF, "WORKLOAD = Workload(", "WORKLOAD = Workload((", ["SyntaxError", "syntax/__init__.py"]),
    "raising": (MODULE_OF, "WORKLOAD = ", "1 / 0\nWORKLOAD = ", ["ZeroDivisionError: division by zero"]),
    "nothing": (MODULE_OF, "WORKLOAD = Workload(", "WORKLOAD = dict(", ["exports 0 workloads, not one"]),
    "misnamed": (MODULE_OF, 'name="misnamed"', 'name="named"', ["calls itself 'named', its folder 'misnamed'"]),
    "unpinned": (MODULE_OF, '"typical":', '"usual":', ["pins no cardinality named 'typical'"]),
    "misspelt": (MODULE_OF, 'Call("place_order"', 'Call("place_ordr"', ["'place_ordr'", "did you mean 'place_order'?"]),
    "wanting": (MODULE_OF, '"amount_cents": random', '"amount": random', ["without amount_cents", "operations.sql:"]),
    "failing": (
        MODULE_OF,
        "    while True:",
        "    raise ValueError(block)\n    while True:",
        ["`burst` of the workload 'failing' failed: ValueError: 0", "failing/__init__.py:5"],
    ),
    "forgetful": (
        MODULE_OF,
        "            yield order(",
        "            yield None and order(",
        ["makes None, which is no"],
    ),
    "worded": (MODULE_OF, "weight=4", 'weight="4"', ["`writers` of the workload 'worded' failed: TypeError"]),
    "backwards": (MODULE_OF, "low=10, high=5_000", "low=5_000, high=10", ["'customers' cannot go from 5000 to 10"]),
    "unknown": (OPERATIONS_OF, "-- name: totals", "-- name: total", ["'totals' is not in", "did you mean 'total'?"]),
    "nameless": (OPERATIONS_OF, "-- name: totals", "-- name:", ["is not a valid operation name", "operations.sql:"]),
    "open": (OPERATIONS_OF, "ORDER BY customer;", "ORDER BY 'customer;", ["unterminated quoted string", "^"]),
}
"""Workload -> the file that is spoilt, what in it, with what, and what is said about it."""


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> pytest.RunResult:
    """Return a run of workloads that are all wrong, each in a way of its own."""
    shop = Shop.open(tmp_path_factory.mktemp("spoilt") / "shop", environment)
    for name, (file, old, new, _) in CASES.items():
        shop.add(name)
        shop.change(file.format(name), old, new)
    return shop.run()


@pytest.mark.parametrize("name", CASES)
def test_a_workload_that_cannot_be_used_is_a_clear_error(spoilt: pytest.RunResult, name: str) -> None:
    text = collecting(spoilt, name)

    assert spoilt.ret == pytest.ExitCode.INTERRUPTED
    assert_clear(spoilt)
    assert [word for word in CASES[name][-1] if word not in text] == []


def test_bursts_that_cannot_be_executed_are_a_clear_error(shop: Shop) -> None:
    shop.add("ending")
    shop.change(MODULE_OF.format("ending"), "    while True:", "    for _ in range(30):")
    shop.add("failing")
    shop.change(MODULE_OF.format("failing"), "    while True:", "    1 // (2 - block)\n    while True:")
    shop.add("lacking")
    shop.change(MODULE_OF.format("lacking"), "    return (order(", '    return (Call("place", {}) or order(')
    shop.change(MODULE, '"amount_cents": random.randint(100, 100_000)', '"amount_cents": {"of": {"json"}}')

    result = shop.run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_clear(result, "The burst of writer", "ended after 30 calls", "make the generator endless")
    assert_clear(result, "A value of 'place_order' cannot be sent: :amount_cents is of type 'dict'", "is sent as JSON")
    assert_clear(result, "workloads/orders/operations.sql:", "amount_cents = {'of': {'json'}}")
    assert_clear(result, "`burst` of the workload 'failing' failed: ZeroDivisionError", "1 // (2 - block)")
    assert_clear(result, "The background calls 'place', which is not in", "did you mean 'place_order'?")


@pytest.fixture
def replaying(shop: Shop) -> Shop:
    """Return a project whose orders can be replayed from a file of numbers."""
    shop.change(MODULE, "import Axis, Call, Model, ", "import Axis, BadLineError, Call, Model, Replay, ")
    shop.change(MODULE, "WORKLOAD = Workload(", f"{REPLAY}WORKLOAD = Workload(")
    shop.change(
        MODULE,
        "    background=background,\n",
        "    background=background,\n"
        '    replay=Replay(writer="shop", columns="order_id", parse=parse, calls=replayed),\n',
    )
    return shop


TRUNCATED = gzip.compress("\n".join(map(str, range(1000, 9000))).encode())[:-2000]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["Cannot read orders.csv: No such file or directory", "--replay NAME=PATH"]),
        (b"", ["orders.csv is empty", "use a file of this form: order_id"]),
        (b"12\n\x00\x01\n", ["orders.csv is binary: line 2"]),
        (TRUNCATED, ["orders.csv is a gzip file that ends early, at byte", "gzip -t orders.csv"]),
        (b"one\ntwo\n", ["orders.csv has no usable line", "line 1: 'one': not a number"]),
    ],
    ids=["absent", "empty", "binary", "truncated", "bad"],
)
def test_a_file_that_cannot_be_replayed_is_a_clear_error(
    replaying: Shop, content: bytes | None, words: list[str]
) -> None:
    if content is not None:
        replaying.write("orders.csv", content)

    result = replaying.run("--replay", "orders=orders.csv", SCHEMABENCH_POSTGRES="local:/nowhere")

    assert_clear(result, *words)


def test_bad_lines_are_counted_and_shown_and_the_run_goes_on(replaying: Shop) -> None:
    replaying.write("orders.csv", "order_id\n" + "\n".join(map(str, range(1000, 1500))) + "\nbad\n\xe9\n")

    result = replaying.run("--replay", "orders=orders.csv", "--report", "run.json")

    assert result.ret == 0
    assert "orders.csv: 2 of 502 lines skipped: line 502: 'bad': not a number" in said(result)
    (experiment,) = json.loads(replaying.read("run.json"))["schemabench"]["experiments"]
    assert experiment["replay"] == {"orders": "orders.csv"}


def test_an_input_that_the_workload_does_not_take_is_a_clear_error(shop: Shop) -> None:
    shop.write("orders.csv", "1\n")

    result = shop.run("--replay", "orders=orders.csv")

    assert_clear(result, "The workload 'orders' takes no input 'orders'", "inputs: none")
