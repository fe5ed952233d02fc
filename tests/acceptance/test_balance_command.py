"""`schemabench balance`: what it prints, and what it says where it cannot."""

from shop import Shop, assert_clear, said


def test_balance_prints_the_writers_and_lines_for_the_workload_and_writes_nothing(shop: Shop) -> None:
    before = {path: path.read_bytes() for path in shop.path.rglob("*.*") if path.suffix in {".py", ".sql", ".ini"}}

    result = shop.schemabench("balance", "orders")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "orders typical: bursts of the baseline, 2 clients",
            "writer*clients*weight*ends after*suggested*ends after",
            "shop * 1 * 4 *",
            "website * 1 * 8 *",
            '    Writer(name="shop", kind="stream", weight=*, clients=3, pace="200 orders a second"),',
            '    Writer(name="website", kind="reader", weight=*, pace="400 totals a second"),',
        ]
    )
    assert all(len(line) <= 80 or "Writer(" in line for line in result.outlines)
    after = {path: path.read_bytes() for path in shop.path.rglob("*.*") if path.suffix in {".py", ".sql", ".ini"}}
    assert after == before


def test_balance_says_what_it_lacks_before_a_server_starts(shop: Shop) -> None:
    unknown = shop.schemabench("balance", "order")
    several = shop.schemabench("balance", "orders", "--cardinality", "all")
    pace = shop.schemabench("balance", "orders", "--production")
    few = shop.schemabench("balance", "orders", "--clients", "1")

    assert [one.ret for one in (unknown, several, pace, few)] == [2] * 4
    assert_clear(unknown, "order", "did you mean 'orders'?")
    assert_clear(several, "Weights are balanced at one cardinality, not 2", "--cardinality NAME")
    assert_clear(pace, "The pace of 'shop' in production is not known: '200 orders a second'", "4,000 calls every 30 s")
    assert_clear(few, "--clients 1 is fewer than the writers: shop, website")
    assert "building" not in said(pace)
