"""Values as the server receives them, and what is said of those that it cannot be sent."""

from datetime import UTC, date, datetime
from decimal import Decimal
from math import inf, nan
from pathlib import Path

import made_up
import pytest
from psycopg.types.json import Jsonb

from schemabench.encoding import Document, Encoder, Listed
from schemabench.errors import WorkloadError


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (None, None),
        ("", b""),
        ("it's 'quoted' \"twice\" \\ 🎉\n", "it's 'quoted' \"twice\" \\ 🎉\n".encode()),
        (0, b"0"),
        (-(2**63), b"-9223372036854775808"),
        (1.5, b"1.5"),
        (float("nan"), b"nan"),
        (Decimal("1.10"), b"1.10"),
        (True, b"t"),
        (date(2026, 2, 16), b"2026-02-16"),
        (datetime(2026, 2, 16, 1, 2, tzinfo=UTC), b"2026-02-16 01:02:00+00:00"),
        ([], b"{}"),
        ([1, None, 3], b"{1,NULL,3}"),
        (["a", "", None, 'q"\\,é'], '{a,"",NULL,"q\\"\\\\,é"}'.encode()),
        ([[1, 2], [3, 4]], b"{{1,2},{3,4}}"),
        ([date(2026, 2, 16)], b"{2026-02-16}"),
        (b"\x00\xff", b"\\x00ff"),
        (Jsonb({"a": 1}), b'{"a": 1}'),
        ({"a": 1}, b'{"a": 1}'),
        ({}, b"{}"),
        ([{"a": [1, None]}, {}], b'[{"a": [1, null]}, {}]'),
        ([1, [{"a": 1}]], b'[1, [{"a": 1}]]'),
        ([1, "a", None], b'[1, "a", null]'),
        ((1, "a"), b"(1,a)"),
    ],
)
def test_values_are_sent_as_text(value: object, sent: bytes | None) -> None:
    assert Encoder({})("add", {"value": value}) == {"value": sent}


@pytest.mark.parametrize(
    ("value", "one", "many"),
    [
        ([], b"[]", b"{}"),
        ((), b"[]", b"{}"),
        ([1, None], b"[1, null]", b'{"1",NULL}'),
        (["a", 'q"'], b'["a", "q\\""]', b'{"\\"a\\"","\\"q\\\\\\"\\""}'),
        ([[]], b"[[]]", b'{"[]"}'),
        ([{"a": []}], b'[{"a": []}]', b'{"{\\"a\\": []}"}'),
        ((1, "a"), b'[1, "a"]', b'{"1","\\"a\\""}'),
    ],
)
def test_a_list_is_json_where_its_parameter_holds_that(value: object, one: bytes, many: bytes) -> None:
    encoded = Encoder({})("add", {"value": value})["value"]

    assert isinstance(encoded, Listed)
    assert encoded.as_held(Document.ONE) == one
    assert encoded.as_held(Document.MANY) == many


@pytest.mark.parametrize(
    "value",
    [
        *("a\0b", ["a", "b\0"], "\ud800", object(), {"a": object()}, [1, "a\0"], [object()]),
        *({"a": nan}, [{"a": [-inf]}], Jsonb([inf])),
    ],
)
def test_a_value_that_no_server_takes_is_refused_with_the_call(value: object) -> None:
    with pytest.raises(WorkloadError, match="A value of 'add' cannot be sent") as caught:
        Encoder({})("add", {"value": value})

    assert "value" in str(caught.value)


def test_an_error_about_a_value_does_not_print_a_whole_array() -> None:
    with pytest.raises(WorkloadError) as caught:
        Encoder({})("add", {"value": ["x" * 1000] * 1000 + ["\0"]})

    assert len(str(caught.value)) < 2000


def test_a_value_that_cannot_be_sent_is_shown_at_its_parameter_with_what_to_do(tmp_path: Path) -> None:
    operations = made_up.found(tmp_path).operations

    with pytest.raises(WorkloadError) as caught:
        Encoder(operations)("add", {"key": "one", "value": {"of": {"json"}}})

    assert str(caught.value.where).startswith(f"{tmp_path}/operations.sql:2:38\n")
    assert caught.value.checked == (":value = {'of': {'json'}}",)
    assert "is sent as JSON" in caught.value.remedies[0]
