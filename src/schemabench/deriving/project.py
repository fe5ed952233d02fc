"""The files of a project that is derived from a live database.

Owns their places, and the text of those in Python. Must not talk to a server, nor write anything.
"""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined

from schemabench import production, values
from schemabench.deriving import sqlfiles
from schemabench.deriving.calls import Caller, rows_written
from schemabench.deriving.code import Name, rendered, text
from schemabench.deriving.derived import Derived, prose, python_comment

_ENVIRONMENT = Environment(
    loader=PackageLoader("schemabench.deriving"),
    autoescape=False,  # noqa: S701 (Python, not HTML)
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)


def files(derived: Derived) -> dict[str, str]:
    """Return the files of a project: path -> text."""
    workload = f"workloads/{derived.name}"
    return {
        f"{workload}/__init__.py": _workload(derived),
        f"{workload}/operations.sql": sqlfiles.operations(derived),
        **of_database(derived),
        f"tests/test_{derived.name}.py": _render("test", derived),
    }


def of_database(derived: Derived) -> dict[str, str]:
    """Return the files that say which tables there are, and how many rows they have, here and there: path -> text."""
    workload, schemas = f"workloads/{derived.name}", f"schemas/{derived.name}"
    found = {
        f"{workload}/cardinality.py": _cardinality(derived),
        f"{workload}/tables.py": _tables(derived),
        f"{workload}/{production.FILE}": production.written(derived.production),
        f"{schemas}/baseline.sql": sqlfiles.baseline(derived),
        f"{schemas}/without_unused_indexes.sql": sqlfiles.without_unused(derived),
    }
    return {path: content for path, content in found.items() if content}


def _render(template: str, derived: Derived, **more: object) -> str:
    return _ENVIRONMENT.get_template(f"{template}.py.j2").render(derived=derived, text=text, **more)


def kind_of(derived: Derived) -> str:
    """Return the name of the cardinality's class, as in `LiveShop`."""
    return "Live" + "".join(part.capitalize() for part in derived.name.split("_"))


def _cardinality(derived: Derived) -> str:
    """Return the module with the sizes of the tables."""
    about = prose(
        f"{derived.origin} `TYPICAL` has {derived.scale} of the rows of production, and `PRODUCTION` all of them. "
        "Tables that are small keep their rows."
    )
    return _render("cardinality", derived, about=about, kind=kind_of(derived))


def _tables(derived: Derived) -> str:
    """Return the module with what the tables' rows hold."""
    blocks = []
    for one in derived.rows:
        asked = "".join(f"# Question: {question}\n" for question in one.questions)
        key = ""
        if one.combination:
            key = f"{one.key} = {rendered(one.combination, before=len(one.key) + 3)}\n"
        columns = rendered(dict(one.columns), 1, before=1000)
        blocks.append(f"{asked}{key}{one.name} = Table(\n    {text(one.name)},\n    {columns},\n)\n")
    body = "\n".join(blocks)
    kept = "as they are in the statistics" if derived.values else "made up in the shape of the real ones"
    about = prose(
        f"{derived.origin} Numbers and times follow the server's statistics; texts are {kept}. A row follows from its "
        "place, so that a call can be about it: `table.row(17, sizes)` is the same row whenever it is asked for."
    )
    times = [one for one in ("UTC", "date", "datetime") if re.search(rf"\b{one}(\(|\)|,)", body)]
    names = [one for one in values.__all__ if re.search(rf"\b{one}\(", body)]
    return _render(
        "tables", derived, about=about, body=body.rstrip("\n"), times=times, names=names, decimals="Decimal(" in body
    )


def _workload(derived: Derived) -> str:
    kind = kind_of(derived)
    caller = Caller({one.table.id: one for one in derived.rows}, kind, "sizes")
    rates = {name: rate for writer in derived.writers for name, rate in writer.rates.items()}
    unit = "calls a second" if derived.traffic.seconds else "calls"
    functions = "\n\n".join(
        caller.function(one, f"{rates[one.name]:,.3g} {unit}.", rows_written(one)) for one in derived.operations
    )
    mix = {
        writer.name: {Name(name): float(f"{rate:.4g}") for name, rate in writer.rates.items()}
        for writer in derived.writers
    }
    counter = "the log" if derived.log else "pg_stat_statements"
    about = prose(
        f"{derived.origin} The mix of calls is production's, as {counter} counted it; what a call is about "
        "follows the statistics of the tables. Lines that begin with `Question:` ask what no server knows.",
        *(f"{note}." for note in derived.traffic.notes),
    )
    counts = {one: Name(f"sizes.{one}") for one in dict.fromkeys(derived.sequences.values())}
    return _render(
        "workload",
        derived,
        about=about,
        kind=kind,
        unit=unit,
        functions=functions,
        mix=rendered(mix, before=1000),
        tables=rendered(tuple(Name(f"tables.{one.name}") for one in derived.rows), before=len("TABLES = ")),
        counts=rendered(counts, 1, before=len("    ends = ")) if counts else "",
        states=rendered(tuple(one.name for one in derived.states), 1, before=len("    state=")),
        questions=[python_comment(f"Question: {one}") for one in (derived.log.questions if derived.log else ())],
        now=rendered(derived.traffic.until.replace(microsecond=0)) if "NOW" in functions else "",
    )
