"""The SQL files of a project that is derived from a live database.

Owns their text. Must not talk to a server, nor write anything.
"""

import re
from collections.abc import Mapping

from schemabench.deriving.derived import Derived, comment
from schemabench.deriving.found import quoted
from schemabench.deriving.operations import Operation, search_path
from schemabench.deriving.parameters import Role
from schemabench.deriving.rows import Rows
from schemabench.statements import block, literal
from schemabench.units import plural

_TOGETHER = (
    "Question: which of these does the application execute in one transaction? The server does not know. Write their "
    "statements under one name, one after the other, and remove the others' calls in __init__.py. A line `-- as: "
    "placed` above one names its row, whose columns later ones take: `:placed.id`."
)
_IN_LOG = (
    "Transactions are those of the log where its file is replayed. Calls that are generated are one transaction each."
)


def operations(derived: Derived) -> str:
    """Return `operations.sql`."""
    parts = [
        comment(
            f"{derived.name}: what the database executes. {derived.origin}",
            _IN_LOG if derived.log else _TOGETHER,
        )
    ]
    for one in derived.operations:
        accepted = _accepted(derived, one)
        retried = _retried(derived, one, accepted)
        lines = [f"-- accept: {', '.join(accepted)}"] if accepted else []
        lines += [f"-- retry: {', '.join(retried)}"] if retried else []
        each_ms = one.executed.total_ms / max(1, one.executed.calls)
        about = comment(
            f"{plural(one.executed.calls, 'call')}; on average {each_ms:.3g} ms; rows: {one.rows:.3g}.",
            *accepted.values(),
            *retried.values(),
        )
        parts.append("\n".join([about, "", f"-- name: {one.name}", *lines, f"{one.sql};"]))
    parts += [background(derived)]
    if derived.states:
        about = (
            "What all candidates must agree on after the same calls. A column whose value depends on the order of "
            "calls is not here."
        )
        parts.append(comment(about))
        parts += [f"-- name: {one.name}\n{one.sql};" for one in derived.states]
    if derived.not_compared:
        parts.append(
            comment(
                f"Question: what of {', '.join(derived.not_compared)} must be the same after the same calls? Write a "
                "query, and name it in the workload's `state`."
            )
        )
    parts.append(_left_out(derived))
    return "\n\n".join(filter(None, parts)) + "\n"


def _accepted(derived: Derived, operation: Operation) -> dict[str, str]:
    """Return the errors that production goes on after, and why they may come."""
    target, kind = derived.target(operation), operation.root.__class__.__name__
    if target is None:
        return {}
    found: dict[str, str] = {}
    if kind == "InsertStmt" and target.uncertain and not operation.root.onConflictClause:
        found["23505"] = "23505 is accepted: a new row may have the key of another."
    deleted = {one.table.id for one in derived.rows if _is_deleted(derived, one)}
    refers = {one.target for one in target.table.references if one.declared}
    referring = any(
        key.declared and key.target == target.table.id for one in derived.rows for key in one.table.references
    )
    if (kind != "DeleteStmt" and refers & deleted) or (kind == "DeleteStmt" and referring):
        found["23503"] = "23503 is accepted: rows are deleted that others refer to, or want to."
    changed = {use.column.name for use in operation.uses.values() if use.column and use.role is Role.CHANGE}
    if set(target.table.checked) & changed:
        found["23514"] = "23514 is accepted: a check may not allow so many changes of one row."
    return found


def _retried(derived: Derived, operation: Operation, accepted: Mapping[str, str]) -> dict[str, str]:
    """Return the errors after which a replayed call is repeated, and why they may come."""
    target, kind = derived.target(operation), operation.root.__class__.__name__
    if not derived.log or target is None or kind == "DeleteStmt" or not target.table.references or "23503" in accepted:
        return {}
    return {
        "23503": "23503 is retried: a replay is faster than the log, and a row that it refers to may not be there yet."
    }


def _is_deleted(derived: Derived, rows: Rows) -> bool:
    return any(
        one.root.__class__.__name__ == "DeleteStmt" and derived.target(one) is rows for one in derived.operations
    )


def background(derived: Derived) -> str:
    """Return the operations that load the rows, as they are in `operations.sql`."""
    parts = [comment("The rows before anything is measured.")]
    for one in derived.rows:
        columns = ", ".join(map(quoted, one.columns))
        parts.append(f"-- name: load_{one.name}\nCOPY {one.table.qualified} ({columns}) FROM STDIN;")
    if derived.circles:
        about = (
            "Some tables refer to each other in a circle: none can be filled first. A candidate without these "
            "foreign keys has `-- nothing` in their place."
        )
        dropped = [
            f"ALTER TABLE {table.qualified} DROP CONSTRAINT {quoted(key.name)};" for table, key in derived.circles
        ]
        added = [
            f"ALTER TABLE {table.qualified} ADD CONSTRAINT {quoted(key.name)} {key.definition};"
            for table, key in derived.circles
        ]
        parts.append(comment(about))
        parts += ["\n".join(["-- name: open_circles", *dropped]), "\n".join(["-- name: close_circles", *added])]
    if sequences := derived.sequences:
        calls = ";\n".join(
            f"SELECT setval('{sequence}', greatest(1, :{name}::bigint), :{name}::bigint > 0)"
            for sequence, name in sequences.items()
        )
        parts.append(comment("Sequences go on behind these rows."))
        parts.append(f"-- name: continue_sequences\n{calls};")
    if derived.views:
        refreshes = "\n".join(f"REFRESH MATERIALIZED VIEW {view};" for view in derived.views)
        parts.append(f"-- name: fill_views\n{refreshes}")
    return "\n\n".join(parts)


def _left_out(derived: Derived) -> str:
    reasons: dict[str, list[str]] = {}
    for one in derived.left_out:
        reasons.setdefault(one.why, []).append(f"{one.calls:,} {one.what}")
    lines = [f"{', '.join(some)}: {why}" for why, some in reasons.items()]
    rare = [
        f"{plural(one.calls, 'call')}, {one.total_ms / max(1, one.calls):.3g} ms each: {one.sql}"
        for one in derived.others
    ]
    if not lines and not rare:
        return ""
    shown = ["Left out, with the number of calls. What belongs to the application is to be written by hand.", *lines]
    if rare:
        shown += ["Beyond the number of statements that was asked for (--statements):", *rare]
    return comment(*shown)


def baseline(derived: Derived) -> str:
    """Return the schema as it is."""
    head = f"-- candidate: baseline\n-- summary: the schema of {derived.server}, as it was on {derived.day}\n"
    if derived.schema.reason:
        head += (
            "\n"
            + comment(
                f"This is what the catalogs say: {derived.schema.reason}.",
                "Question: are there policies, rules, aggregates, composite types, collations, inherited or foreign "
                "tables, extended statistics, or settings of columns and sequences that matter? All comes from: "
                f"{derived.schema.command}",
            )
            + "\n"
        )
    body = "".join(f"\n{one};\n" for one in derived.schema.statements)
    if list(derived.path) != ["public"]:
        setting = literal(f"ALTER DATABASE %I SET search_path = {search_path(derived.path).replace('%', '%%')}")
        body += (
            "\n-- Statements name tables without their schemas.\n"
            f"{block(f'BEGIN EXECUTE format({setting}, current_database()); END')};\n"
        )
    return head + body


def without_unused(derived: Derived) -> str:
    """Return a first candidate: without the indexes that cost something and serve nobody; nothing without any."""
    found = [name for one in derived.schema.statements if (name := _index(one)) in derived.unused]
    if not found:
        return ""
    head = (
        "-- candidate: without_unused_indexes\n-- extends: baseline\n"
        f"-- summary: without {plural(len(found), 'index', 'indexes')} that no query has read, so far as the server "
        "has counted\n-- expects: writes get faster, and nothing slower\n\n"
    )
    return head + "".join(f"DROP INDEX {name};\n" for name in found)


def _index(statement: str) -> str:
    """Return the name of the index that a statement creates, as SQL writes it; nothing of any other."""
    match = re.match(r"CREATE INDEX (?P<name>\S+) ON (ONLY )?(?P<schema>[^.]+)\.", statement)
    return f"{match['schema']}.{match['name']}" if match else ""
