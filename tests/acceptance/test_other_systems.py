"""A system other than Linux: whatever would measure there says so first, in words."""

import pytest
from shop import Shop, assert_clear

ELSEWHERE = """
import platform, select, sys
import psutil, pytest
del select.epoll
sys.modules.update(pwd=None, resource=None)
platform.system = lambda: "Windows"
"""
"""What is not there: epoll, and what only Unix has."""
WORDS = ("schemabench measures on Linux only; this machine runs Windows", "a container or a virtual machine is enough")


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["alone", "shared"])
def test_an_evaluation_is_refused_in_words(shop: Shop, arguments: list[str]) -> None:
    shop.write("conftest.py", ELSEWHERE)

    result = shop.run(*arguments)

    assert_clear(result, *WORDS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_the_command_line_refuses_to_measure_in_words_and_does_all_else(shop: Shop) -> None:
    main = f"{ELSEWHERE}\nfrom schemabench.cli import main\nsys.exit(main())"

    assert_clear(shop.finish(shop.start_python("-c", main, "crossover", "orders")), *WORDS)
    assert shop.finish(shop.start_python("-c", main, "cardinalities", "list", "orders")).ret == 0
