"""What a migration sets for connections that are opened after it, in words."""

from schemabench.rehearsal import settings

ALL = "the database"


def test_what_is_set_changed_or_reset_is_told_and_nothing_else() -> None:
    before = {(ALL, "work_mem"): "4MB", (ALL, "search_path"): "app", ("all roles", "jit"): "off"}
    after = {(ALL, "work_mem"): "4MB", (ALL, "search_path"): "", ("the role bob", "statement_timeout"): "1s"}

    assert list(settings.left(before, after)) == [
        "jit = (reset) instead of off for all roles",
        "search_path = (empty) instead of app for the database",
        "statement_timeout = 1s for the role bob",
    ]
