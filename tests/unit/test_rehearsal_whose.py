"""Whose sessions are: by their process ids, and by what the server says of them."""

import pytest

from schemabench.rehearsal.whose import Whose

WHOSE = Whose(writers={7: "clerk"}, companions={8: "report"}, sampling=9)


@pytest.mark.parametrize(
    ("pid", "role", "query", "name"),
    [
        pytest.param(7, "app", "/* change */ UPDATE entry", "change", id="a writer's operation"),
        pytest.param(7, "app", "COMMIT", "clerk", id="a writer that commits"),
        pytest.param(8, "app", "/* change */ UPDATE entry", "report", id="a companion that executes a writer's"),
        pytest.param(9, "app", "WITH lock AS", "(the sampling of locks)", id="the rehearsal itself"),
        pytest.param(0, "", "", "(a prepared transaction)", id="a prepared transaction"),
        pytest.param(5, "", "autovacuum: VACUUM public.entry", "autovacuum: VACUUM public.entry", id="autovacuum"),
        pytest.param(5, "bob", "VACUUM\n  entry", "bob: VACUUM entry", id="somebody else"),
        pytest.param(5, "bob", "ALTER ROLE a PASSWORD 'b'", "bob: ALTER ROLE a PASSWORD '***'", id="a secret"),
        pytest.param(
            5,
            "bob",
            "ALTER ROLE a PASSWORD -- b\n 'c'",
            "bob: ALTER ROLE a PASSWORD -- b '***'",
            id="one after a comment",
        ),
        pytest.param(5, "bob", "/* pay */ COMMIT", "bob: /* pay */ COMMIT", id="a mark of somebody else's"),
        pytest.param(5, "bob", f"SELECT {'x' * 90}", f"bob: SELECT {'x' * 21}...{'x' * 29}", id="a long statement"),
        pytest.param(5, "bob", "", "(a session of bob)", id="a session without a statement"),
        pytest.param(5, "bob", "<insufficient privilege>", "(a session of bob)", id="one that hides"),
        pytest.param(
            5,
            "",
            "<insufficient privilege>",
            "(a process of the server, such as autovacuum)",
            id="a process that hides",
        ),
    ],
)
def test_a_session_is_named_by_whose_it_is(pid: int, role: str, query: str, name: str) -> None:
    assert WHOSE.name(pid, role, query) == name
