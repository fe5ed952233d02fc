"""Expressions of pgbench's scripts: as Python, they have the values, the types and the distributions of pgbench's."""

from collections import Counter
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pgbench_program
import pytest
import scipy

from schemabench.errors import UsageError
from schemabench.pgbench.expressions import translated
from schemabench.pgbench.known import INT, NULL, named
from schemabench.statements import Text
from schemabench.values import pgbench
from schemabench.values.pgbench import Value

KNOWN = {"n": NULL, "five": named("five", INT)}
DRAWS = 10_000
LEAST = 0.001
"""With seeds that are pinned, a test whose probability is higher always is."""
CELL = 5
"""A cell of a chi-squared test has as many draws at least."""

EXPRESSIONS = """
1 + 2 * 3
(1 + 2) * 3
1--2
5%-3
2*-3
- 3 + 5
-7 / 2
7 / -2
-7 % 2
7 % -2
mod(-7, 3)
:five / 2
:five % 3
1 / 2.0
1.0 / 0
-1 / 0.0
0.0 / 0
5 % 2.6
1e15 * 10
.5 + 1.
9223372036854775806 + 1
-9223372036854775808
-9223372036854775807 - 1
~1 + 2
~:five | 8
5 # 3 & 6
1 << 3 + 1
1 << 63
-16 >> 2
1 = 1.0
1 <> 2
3 != 3
:five >= 5
:five < 2.5
1 + 1 <= 2
NOT 1 < 2
NOT FALSE AND FALSE
TRUE OR FALSE AND FALSE
TRUE OR 1
FALSE AND 1
NULL AND TRUE
NULL AND FALSE
NULL OR TRUE
TRUE AND NULL
FALSE OR NULL
FALSE AND NULL
NULL AND 1
NOT NULL
NOT NULL IS NULL
:n
:n + 1
:n = :n
-:n
1 IS NULL
:n IS NULL
:n IS NOT NULL
:n ISNULL
:five NOTNULL
1 IS TRUE
TRUE IS TRUE
1 < 2 IS NOT FALSE
NULL IS FALSE
(1 = 2) IS TRUE
CASE WHEN 1 THEN 2 END
CASE WHEN 0.0 THEN 1 ELSE 2 END
CASE WHEN NULL THEN 2 ELSE 3 END
CASE WHEN FALSE THEN 1 END
CASE WHEN :five > 7 THEN 1 WHEN :five > 3 THEN 2.5 ELSE 3 END
abs(-5)
abs(-2.5)
ABS(:five - 7)
double(5)
int(2.5)
int(3.5)
int(-2.5)
int(NULL)
pi()
exp(1)
exp(1000)
ln(10)
ln(0)
ln(-1)
sqrt(2)
sqrt(-1)
pow(2, 10)
power(2, 0.5)
pow(0, -1)
pow(-8, 1.0 / 3)
pow(-10, 1001)
greatest(3, 1, 2)
greatest(1, 2.0)
greatest(1, NULL)
least(3, 1, 2)
least(:five, 5.5)
least(4)
hash(1)
hash(:five, 7)
hash(-1, -1)
hash_murmur2(123456789)
hash_fnv1a(5)
hash_fnv1a(-5, 3)
hash(NULL)
permute(3, 10)
permute(-3, 7)
permute(5, 16, -1)
permute(0, 1)
permute(123456, 1000000, 7)
random(5, 5)
random(1.6, 1.7)
random(NULL, 1)
random_zipfian(3, 3, 2)
""".strip().splitlines()

REFUSED = """
1 / 0
1 % 0
1.5 % 0
9223372036854775807 + :five
-9223372036854775807 - :five
9223372036854775807 * 2
9223372036854775808
int(1e30)
TRUE + 1
1 = TRUE
TRUE = TRUE
NOT 1
FALSE OR 1
TRUE AND 1
least(TRUE)
greatest(1.5, TRUE)
random(5, 1)
random(-9223372036854775807, 9223372036854775807)
random_gaussian(1, 2, 1.5)
random_exponential(1, 10, 0)
random_zipfian(1, 10, 1.0)
permute(1, 0)
1 < 2 = TRUE
1 < 2 < 3
hash(1, 2, 3)
random(1)
greatest()
foo(1)
five
0x10
'text'
1 2
1,
1 BETWEEN 0 AND 2
CASE 1 WHEN 1 THEN 2 END
1 IS UNKNOWN
1 + :nothing
""".strip().splitlines()

DISTRIBUTIONS = (
    "random(1, 12)",
    "random(-3, 3)",
    "random_exponential(1, 15, 3.5)",
    "random_gaussian(1, 15, 2.5)",
    "random_gaussian(0, 100000, 4) / 5000",
    "random_zipfian(1, 12, 1.2)",
    "random_zipfian(1, 1000000, 1.01) / 1000",
    "random_zipfian(1, 20, 3)",
    "1 + permute(random_zipfian(1, 12, 1.5) - 1, 12)",
    "abs(hash(random_zipfian(1, 12, 1.5))) % 10",
)


def seeded() -> Random:
    """Return the source of all that is random here."""
    return Random(1)  # noqa: S311 (reproducible on purpose)


def python(expression: str) -> str:
    """Return the Python of an expression."""
    return translated(Text(path=Path("x.sql"), source=expression, start=0, end=len(expression)), KNOWN).python


def value(code: str, random: Random) -> Value:
    """Return what Python does."""
    sizes = SimpleNamespace(default_seed=pgbench_program.SEED)
    names = {"pgbench": pgbench, "random": random, "sizes": sizes, "five": 5}
    found: Value = eval(code, names)  # noqa: S307 (Python that we have written)
    return found


def test_expressions_have_the_values_and_the_types_of_pgbench(conninfo: str, tmp_path: Path) -> None:
    theirs = [one for (one,) in pgbench_program.values(conninfo, tmp_path, EXPRESSIONS)]
    ours = [value(python(one), seeded()) for one in EXPRESSIONS]

    different = [
        f"{expression}: {own!r}, not {other!r}"
        for expression, own, other in zip(EXPRESSIONS, ours, theirs, strict=True)
        if type(own) is not type(other) or pgbench.text(own) != pgbench.text(other)
    ]
    assert not different


@pytest.mark.parametrize("expression", REFUSED)
def test_what_ends_pgbench_is_refused_or_ends_the_burst(conninfo: str, tmp_path: Path, expression: str) -> None:
    assert pgbench_program.refuses(conninfo, tmp_path, expression)
    with pytest.raises((UsageError, pgbench.ScriptError)):
        value(python(expression), seeded())


def test_random_numbers_have_the_distributions_of_pgbench(conninfo: str, tmp_path: Path) -> None:
    theirs = pgbench_program.values(conninfo, tmp_path, DISTRIBUTIONS, times=DRAWS)
    random = seeded()
    probabilities = {}
    for expression, drawn in zip(DISTRIBUTIONS, theirs, strict=True):
        code = compile(python(expression), "expression", "eval")
        ours = [value(code, random) for _ in range(DRAWS)]  # type: ignore[arg-type]
        probabilities[expression] = likeness(Counter(drawn), Counter(ours))

    assert min(probabilities.values()) > LEAST, probabilities


def likeness(one: Counter[Value], other: Counter[Value]) -> float:
    """Return how probable draws as different as these are, if their distributions are the same."""
    kept = [key for key, number in (one + other).items() if number >= 2 * CELL]
    cells = [[some[key] for key in kept] for some in (one, other)]
    rest = [some.total() - sum(row) for some, row in zip((one, other), cells, strict=True)]
    if any(rest):
        cells = [[*row, left] for row, left in zip(cells, rest, strict=True)]
    return float(scipy.stats.chi2_contingency(cells).pvalue)


def test_another_distribution_would_be_found() -> None:
    random = seeded()
    one, other = (
        Counter(value(f"pgbench.random_zipfian(1, 12, {parameter}, random)", random) for _ in range(DRAWS))
        for parameter in (1.2, 1.35)
    )

    assert likeness(one, other) < LEAST


def test_hashes_and_permutations_are_those_of_pgbench(conninfo: str, tmp_path: Path) -> None:
    random = seeded()
    numbers = [random.randrange(-(2**63), 2**63) for _ in range(60)]
    sizes = [random.randrange(1, 2 ** random.randrange(1, 62)) for _ in numbers]
    expressions = [
        words
        for number, size in zip(numbers, sizes, strict=True)
        for words in (
            f"hash({number}, {size})",
            f"hash_fnv1a({number}, {-size})",
            f"permute({number}, {size}, {number})",
        )
    ]

    theirs = [one for (one,) in pgbench_program.values(conninfo, tmp_path, expressions)]

    assert [value(python(one), random) for one in expressions] == theirs


def test_a_permutation_has_every_place_once() -> None:
    for size in (1, 2, 3, 10, 64, 1000):
        assert sorted(pgbench.permute(place, size, 5) for place in range(size)) == list(range(size))
