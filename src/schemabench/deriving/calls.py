"""From operations to the Python that makes their calls.

Owns where each parameter takes its value, and the questions that only a person can answer. Must not know SQL files.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from schemabench.deriving.code import WIDTH, text
from schemabench.deriving.contents import python_name
from schemabench.deriving.operations import Operation
from schemabench.deriving.parameters import Role, Use
from schemabench.deriving.rows import Rows

_LISTED = 10
"""Values of a list of unknown length."""
_MOST_LISTED = 1_000
_NUMBERS = 30_000
"""New numbers of a column that counts: few enough for a smallint."""
_TAKEN = "1"
"""What is taken from a column, and the least that has to be there."""
_FALLBACKS = {
    "int2": "1",
    "smallint": "1",
    "integer": "1",
    "bigint": "1",
    "numeric": "1",
    "float8": "1.0",
    "real": "1.0",
    "boolean": "True",
    "interval": '"1 day"',
    "timestamptz": "NOW",
    "timestamp": "NOW.replace(tzinfo=None)",
    "date": "NOW.date()",
    "text": '"a"',
    "varchar": '"a"',
    "bpchar": '"a"',
    "uuid": '"00000000-0000-0000-0000-000000000000"',
    "json": '"{}"',
    "jsonb": '"{}"',
    "regconfig": '"simple"',
}
"""Type -> a value for a parameter that is about no column; NULL for any other, which every type has."""
_WORDS = {"like_escape_2": '"!"', "date_trunc_1": '"day"', "date_part_1": '"day"', "timezone_1": '"UTC"'}
"""Function and place of an argument that takes certain words only -> one of them."""
_KEYS = {"text": '"key"', "integer": "0", "text[]": '["key"]'}
"""Type -> what finds a member of a document."""


@dataclass(frozen=True, kw_only=True)
class Popular:
    """Which column tells how often each row of a table is needed."""

    table: str
    """The name of the rows that refer to it."""
    column: str


@dataclass(frozen=True)
class Caller:
    """Writes the functions that make calls.

    Args:
        rows: What is made up for each table, by its object id.
        cardinality: The name of its class.
        argument: What a cardinality is called.
    """

    rows: Mapping[int, Rows]
    cardinality: str
    argument: str

    def function(self, operation: Operation, about: str, part: str) -> str:
        """Return the function that makes a call.

        Args:
            operation: The operation.
            about: How often it is called, in words.
            part: How many rows a call writes, as Python.
        """
        lines, values, questions = self._values(operation)
        used = "\n".join([*lines, *values.values()])
        sizes, fresh, random = (
            name if re.search(rf"\b{name}\b", used) else f"_{name}" for name in (self.argument, "fresh", "random")
        )
        head = f"def {operation.name}({sizes}: {self.cardinality}, {fresh}: Iterator[int], {random}: Random) -> Call:"
        shown = ", ".join(f"{text(name)}: {value}" for name, value in values.items())
        call = f"return Call({text(operation.name)}, {{{shown}}}{part})"
        if len(call) > WIDTH:
            lines += ["values = {", *(f"    {text(name)}: {value}," for name, value in values.items()), "}"]
            call = f"return Call({text(operation.name)}, values{part})"
        asked = [f"# Question: {one}" for one in questions]
        body = [f'"""{about}"""', *asked, *lines, call]
        return "\n".join([head, *(f"    {line}" for line in body), ""])

    def _values(self, operation: Operation) -> tuple[list[str], dict[str, str], list[str]]:
        """Return lines before the call, the value of each parameter as Python, and questions."""
        lines: list[str] = []
        values: dict[str, str] = {}
        questions: list[str] = []
        inserted = [use for use in operation.uses.values() if use.role is Role.INSERT]
        for row, uses in groupby(sorted(inserted, key=lambda use: use.row), key=lambda use: use.row):
            values |= self._inserted(operation, row, list(uses), lines, questions)
        if many := [use for use in operation.uses.values() if use.role is Role.INSERT_MANY]:
            values |= self._inserted_at_once(operation, many, lines, questions)
        asked = [use for use in operation.uses.values() if use.role is Role.EQUALS and use.column]
        for alias, uses in groupby(sorted(asked, key=lambda use: use.alias), key=lambda use: use.alias):
            values |= self._asked(operation, alias, list(uses), lines, questions)
        bounds = [use for use in operation.uses.values() if use.role in {Role.FROM, Role.TO} and use.column]
        for _, uses in groupby(bounds, key=lambda use: (use.alias, use.column and use.column.name)):
            values |= self._bounded(operation, list(uses), lines, questions)
        for number, use in operation.uses.items():
            name = operation.names[number]
            if name not in values:
                values[name] = self._other(operation, use, questions)
        return lines, {operation.names[number]: values[operation.names[number]] for number in operation.uses}, questions

    def _inserted(
        self, operation: Operation, row: int, uses: Sequence[Use], lines: list[str], questions: list[str]
    ) -> dict[str, str]:
        table = uses[0].table
        assert table is not None, "an insertion is into a table"
        rows = self.rows[table.id]
        names = {operation.names[use.number]: use.column.name for use in uses if use.column}
        if rows.combined and set(rows.combined) & set(names.values()):
            drawn = {name: self._drawn(rows, column, among=rows.combined) for name, column in names.items()}
            return drawn | self._counted(operation, rows, names, questions)
        known = "new" if row == 0 else f"new_{row + 1}"
        made = f"tables.{rows.name}.row({self._size(rows)} + next(fresh), {self.argument}, random)"
        share = _new(operation, rows)
        if share < 1:
            questions.append(f"how often is the row there already? Here {1 - share:.0%} of the calls find it.")
            known_row = f"tables.{rows.name}.any({self.argument}, random)"
            lines += [
                f"{known} = (",
                f"    {made}",
                f"    if random.random() < {share:.2g}",
                f"    else {known_row}",
                ")",
            ]
        else:
            lines.append(f"{known} = {made}")
        return {name: f"{known}[{text(column)}]" for name, column in names.items()}

    def _counted(
        self, operation: Operation, rows: Rows, names: Mapping[str, str], questions: list[str]
    ) -> dict[str, str]:
        """Return a number that no row has yet, for the column of a key that counts, as the lines of an order do."""
        counting = next((name for name, column in names.items() if column in rows.counts), None)
        if counting is None or operation.root.onConflictClause:
            return {}
        questions.append(f"which {names[counting]} has a new row? Here one that no other has.")
        return {counting: f"{rows.counts[names[counting]]} + next(fresh) % {_NUMBERS:_}"}

    def _inserted_at_once(
        self, operation: Operation, uses: Sequence[Use], lines: list[str], questions: list[str]
    ) -> dict[str, str]:
        """Return lists with the values of new rows."""
        table = uses[0].table
        assert table is not None, "an insertion is into a table"
        rows, number = self.rows[table.id], min(_MOST_LISTED, max(1, round(operation.rows)))
        questions.append(f"how many rows are inserted at once? Here {number}, as on average.")
        lines += [
            "new = [",
            f"    tables.{rows.name}.row({self._size(rows)} + next(fresh), {self.argument}, random)",
            f"    for _ in range({number})",
            "]",
        ]
        named = {operation.names[use.number]: use.column.name for use in uses if use.column}
        return {name: f"[one[{text(column)}] for one in new]" for name, column in named.items()}

    def _asked(
        self, operation: Operation, alias: str, uses: Sequence[Use], lines: list[str], questions: list[str]
    ) -> dict[str, str]:
        """Return values with which one row is asked for."""
        table = uses[0].table
        assert table is not None, "a column belongs to a table"
        rows = self.rows[table.id]
        columns = {use.column.name for use in uses if use.column}
        names = {operation.names[use.number]: use.column.name for use in uses if use.column}
        if operation.root.__class__.__name__ == "DeleteStmt" and columns & set(table.primary):
            questions.append("which rows are deleted? Here each once, in no order.")
            lines.append(f"gone = tables.{rows.name}.row(next(fresh) % max(1, {self._size(rows)}), {self.argument})")
            return {name: f"gone[{text(column)}]" for name, column in names.items()}
        if len(columns) == 1 or columns <= set(rows.combined):
            return {
                name: self._drawn(rows, column, among=rows.combined, questions=questions)
                for name, column in names.items()
            }
        known = f"row_of_{alias}" if alias.isidentifier() else "row"
        lines.append(f"{known} = tables.{rows.name}.any({self.argument}, random)")
        return {name: f"{known}[{text(column)}]" for name, column in names.items()}

    def _bounded(
        self, operation: Operation, uses: Sequence[Use], lines: list[str], questions: list[str]
    ) -> dict[str, str]:
        """Return the bounds of a range."""
        table, column = uses[0].table, uses[0].column
        assert table is not None, "a column belongs to a table"
        assert column is not None, "a bound is one of a column"
        rows = self.rows[table.id]
        taken = any(use.subtracted and use.column == column for use in operation.uses.values())
        if taken and [use.role for use in uses] == [Role.FROM]:
            return {operation.names[uses[0].number]: _TAKEN}
        questions.append(f"how far does the range of {column.name} reach?")
        if len(uses) == 1 and rows.columns[column.name].name == "Ascending" and uses[0].role is Role.FROM:
            recent = f"tables.{rows.name}.any({self.argument}, random, Recent(0.1))[{text(column.name)}]"
            return {operation.names[uses[0].number]: recent}
        if len(uses) == 1:
            return {operation.names[uses[0].number]: self._drawn(rows, column.name)}
        noun = python_name(column.name, {})
        low, high = f"low_{noun}", f"high_{noun}"
        lines.append(f"{low}, {high} = tables.{rows.name}.range({text(column.name)}, {self.argument}, random)")
        return {operation.names[use.number]: low if use.role is Role.FROM else high for use in uses}

    def _other(self, operation: Operation, use: Use, questions: list[str]) -> str:
        """Return the value of a parameter that is about no row."""
        if use.role is Role.LIMIT:
            return str(max(1, round(operation.rows)))
        if use.role is Role.OFFSET:
            return "0"
        kind, name = operation.types[use.number], operation.names[use.number]
        if (found := self._about_column(operation, use, questions)) is not None:
            return found
        if (rows := self._alike(use)) is not None:
            drawn = self._drawn(rows, use.word)
            questions.append(f"what is {name}? Here it is drawn as {rows.name}.{use.word} is.")
            return f"[{drawn} for _ in range({_LISTED})]" if kind.endswith("[]") else drawn
        questions.append(f"what is {name}?")
        if use.word in _WORDS:
            return _WORDS[use.word]
        return "[]" if kind.endswith("[]") else _FALLBACKS.get(kind, "None")

    def _alike(self, use: Use) -> Rows | None:
        """Return the largest table with a column of the name that a parameter is compared with, as of a view's."""
        compared = use.column is None and use.role in {Role.EQUALS, Role.FROM, Role.TO, Role.ANY}
        found = [one for one in self.rows.values() if compared and use.word in one.columns]
        return max(found, key=lambda one: one.size) if found else None

    def _about_column(  # noqa: PLR0911 (one for each role)
        self, operation: Operation, use: Use, questions: list[str]
    ) -> str | None:
        """Return the value of a parameter that is about a column; None where nothing is known of it."""
        if not use.table or not use.column or use.column.name not in self.rows[use.table.id].columns:
            return None
        kind, name = operation.types[use.number], operation.names[use.number]
        rows, column = self.rows[use.table.id], use.column.name
        drawn = self._drawn(rows, column, keep_nulls=use.role is Role.SET)
        match use.role:
            case Role.SET if any(column in key for key in use.table.unique):
                fresh = f"{self._size(rows)} + next(fresh)"
                return f"tables.{rows.name}.row({fresh}, {self.argument}, random)[{text(column)}]"
            case Role.SET:
                return drawn
            case Role.ANY if kind.endswith("[]"):
                number = min(_MOST_LISTED, max(1, round(operation.rows))) if operation.rows else _LISTED
                questions.append(f"how many {name} are asked for at once?")
                return f"[{drawn} for _ in range({number})]"
            case Role.PATTERN:
                questions.append(f"what is looked for in {column}?")
                return f'str({drawn})[:3] + "%"' if use.word == "like" else '"a"'
            case Role.CHANGE if kind in {"smallint", "integer", "bigint", "numeric"}:
                questions.append(f"by how much does {column} change?")
                return _TAKEN if use.subtracted else "random.randint(1, 10)"
            case Role.KEY if kind in _KEYS:
                questions.append(f"which member of {column} is it?")
                return _KEYS[kind]
            case Role.EQUALS | Role.FROM | Role.TO:
                return drawn
            case _:
                return None

    def _drawn(
        self,
        rows: Rows,
        column: str,
        *,
        among: Collection[str] = (),
        questions: list[str] | None = None,
        keep_nulls: bool = False,
    ) -> str:
        """Return what draws a value of a column: as rows have it, or as often as others refer to it."""
        popular = self._popular(rows, column, among)
        if popular:
            if questions is not None:
                known = f"{popular.table}.{popular.column}"
                questions.append(f"how often is each {column} asked for? Here as often as {known} refers to it.")
            return f"tables.{popular.table}.draw({text(popular.column)}, {self.argument}, random)"
        nulls = "" if keep_nulls or rows.columns[column].name != "Maybe" else ", nulls=False"
        return f"tables.{rows.name}.draw({text(column)}, {self.argument}, random{nulls})"

    def _popular(self, rows: Rows, column: str, among: Collection[str]) -> Popular | None:
        """Return what tells how often each value of a key is needed; None if rows themselves tell it."""
        reference = next((one for one in rows.table.references if column in one.columns), None)
        if reference and column not in among:
            return None
        target = reference.target if reference else rows.table.id
        key = reference.keys[reference.columns.index(column)] if reference else column
        referring = [
            (one.table.inserted, one.table.rows, one.name, own.columns[own.keys.index(key)])
            for one in self.rows.values()
            for own in one.table.references
            if own.target == target and key in own.keys and one.size
        ]
        skewed = [one for one in referring if self._has_skew(one[2], one[3])]
        return Popular(table=max(skewed)[2], column=max(skewed)[3]) if skewed else None

    def _has_skew(self, name: str, column: str) -> bool:
        found = next(one for one in self.rows.values() if one.name == name).columns.get(column)
        while found and found.name == "Maybe":
            found = found.positional[1]
        return bool(found and found.name == "Reference" and "skew" in found.keywords)

    def _size(self, rows: Rows) -> str:
        return f"{self.argument}.{rows.name}"


def _new(operation: Operation, rows: Rows) -> float:
    """Return the share of insertions that find no row with their key: all, unless they have ON CONFLICT."""
    conflict = getattr(operation.root, "onConflictClause", None)
    if conflict is None:
        return 1.0
    if conflict.action.name == "ONCONFLICT_NOTHING":
        return min(1.0, operation.rows)
    return rows.table.inserted / max(1, rows.table.inserted + rows.table.updated)


def rows_written(operation: Operation) -> str:
    """Return how many rows a call writes, as an argument of a call; nothing for one."""
    if operation.root.__class__.__name__ in {"SelectStmt", "RefreshMatViewStmt"}:
        return ", rows=0"
    number = max(1, round(operation.rows))
    return f", rows={number}" if number > 1 else ""
