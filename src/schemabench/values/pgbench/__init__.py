"""The expressions of pgbench's scripts: its functions and operators, with its types, NULL and limits.

    from schemabench.values import pgbench

    account = pgbench.random_zipfian(1, 100_000, 1.2, random)
    half = pgbench.divided(account, 2)                           # of whole numbers: a whole number

Workloads that `schemabench init --pgbench` converts from scripts use them, where Python's own operators would not do
the same. A value is an int of 64 bits, a float, a bool, or None for NULL. A function with an argument that is NULL
returns NULL. They are those of https://www.postgresql.org/docs/18/pgbench.html, and a test compares them with pgbench.

Every function raises `ScriptError` where pgbench would end the client.
"""

from schemabench.values.pgbench.coercion import ScriptError, Value, text
from schemabench.values.pgbench.drawing import random_exponential, random_gaussian, random_uniform, random_zipfian
from schemabench.values.pgbench.functions import (
    absolute,
    double,
    exponential,
    greatest,
    hash_fnv1a,
    hash_murmur2,
    integer,
    least,
    logarithm,
    permute,
    power,
    root,
)
from schemabench.values.pgbench.operators import (
    added,
    at_most,
    bits_and,
    bits_not,
    bits_or,
    bits_xor,
    conjunction,
    disjunction,
    divided,
    equal,
    less,
    multiplied,
    negated,
    remainder,
    shifted_left,
    shifted_right,
    subtracted,
    unequal,
)

__all__ = [
    "ScriptError",
    "Value",
    "absolute",
    "added",
    "at_most",
    "bits_and",
    "bits_not",
    "bits_or",
    "bits_xor",
    "conjunction",
    "disjunction",
    "divided",
    "double",
    "equal",
    "exponential",
    "greatest",
    "hash_fnv1a",
    "hash_murmur2",
    "integer",
    "least",
    "less",
    "logarithm",
    "multiplied",
    "negated",
    "permute",
    "power",
    "random_exponential",
    "random_gaussian",
    "random_uniform",
    "random_zipfian",
    "remainder",
    "root",
    "shifted_left",
    "shifted_right",
    "subtracted",
    "text",
    "unequal",
]
