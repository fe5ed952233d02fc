"""What a log adds to a project: the file to replay, which rows stand for others, and what cannot be told.

Owns what is said of it. Must not read a log.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemabench.deriving.found import Table
from schemabench.deriving.log_calls import Gathered, Target, Writer
from schemabench.deriving.log_keys import keys
from schemabench.deriving.log_traffic import Heard
from schemabench.deriving.parameters import Role
from schemabench.deriving.rows import Rows
from schemabench.units import plural

FILE = "log.jsonl.gz"


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log's calls."""

    writer: Writer
    heard: Heard
    gathered: Gathered
    rows: Sequence[Rows]
    """The tables of which the log names rows that it does not make."""
    moving: Collection[tuple[int, str]]
    """The columns that hold what the server hands out, each by its table's object id and its name."""

    def pieces(self) -> Iterator[bytes]:
        """Yield the file to replay, before it is packed."""
        found = self.heard.found
        return self.writer.lines(found.span_s, found.first_s)

    @property
    def questions(self) -> list[str]:
        """What the log does not say."""
        begin = (
            "is the database empty when the log begins, or does the schema's own SQL bring its rows? Then replay at "
            "`--cardinality empty`, and all values are as they were."
        )
        if self.rows:
            begin += (
                " Otherwise rows that the log names and does not make are rows of the background: the n-th that is "
                f"named is the n-th of {', '.join(f'tables.{one.name}' for one in self.rows)}. Values of other columns "
                "are as they were."
            )
        asked = [begin]
        tables = {one.table.id: one.table for one in self.writer.rows}
        for home, count in self.gathered.doubtful.items():
            if count:
                asked.append(
                    f"which insertions got {count:,} of the values of {tables[home.table].name}.{home.column} that the "
                    "log uses? It does not have the answers of INSERT ... RETURNING, and more than one is possible. "
                    "They are treated as keys of rows that were there before."
                )
        for home, insertions in self.gathered.insertions.items():
            if not any(one.gives for one in insertions):
                asked.append(
                    f"how does the application know the {home.column} of a new row of {tables[home.table].name}? No "
                    "statement returns it, so that later statements cannot take it from an answer."
                )
        return asked

    def told(self, name: str) -> list[str]:
        """Return what a person should know.

        Args:
            name: The workload's.
        """
        found, gathered = self.heard.found, self.gathered
        given = sum(len(one) for one in gathered.given.values())
        count, file = sum(gathered.calls.values()), f"workloads/{name}/{FILE}"
        calls = f"{plural(count, 'statement')} of {plural(found.sessions, 'session')} in {found.span_s:,.3g} s"
        sentences = [
            f"{file} has {calls}. It holds the log's values as they are, texts too: keep it where such data may be",
            f"Taken from the answers of the replay: {plural(given, 'value')} that the server handed out",
        ]
        if gathered.in_lists:
            sentences.append(
                f"Left as in the log, because in lists: {plural(gathered.in_lists, 'value')} that the server handed out"
            )
        left = {what: count for what, count in found.left_out.items() if count}
        if left:
            sentences.append("Left out: " + ", ".join(f"{count:,} {what}" for what, count in left.items()))
        sentences.append(f"To replay it: pytest --replay {name}={file}")
        return sentences


def log(heard: Heard, targets: Mapping[int, Target], rows: Sequence[Rows]) -> Log:
    """Return what a log adds to a project.

    Args:
        heard: The log.
        targets: The number of a shape -> what became of it.
        rows: What is made up for each table.
    """
    writer = Writer(heard.spool, targets, rows)
    gathered = writer.prepare()
    tables: dict[int, Table] = {one.table.id: one.table for one in rows}
    moving = {
        (use.table.id, use.column.name)
        for target in targets.values()
        for number, use in target.operation.uses.items()
        if use.table
        and use.column
        and use.role in {Role.INSERT, Role.SET}
        and (home := keys(target.operation, tables).homes.get(target.operation.names[number]))
        and gathered.given.get(home)
    }
    return Log(
        writer=writer,
        heard=heard,
        gathered=gathered,
        rows=[one for one in rows if one.table.id in gathered.named],
        moving=moving,
    )
