"""From operations to the Python that makes their calls.

Owns where each parameter takes its value, and the questions that only a person can answer. Must not know SQL files.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from schemabench.deriving import evidence
from schemabench.deriving.code import WIDTH, Made, rendered, text
from schemabench.deriving.contents import python_name
from schemabench.deriving.operations import Operation
from schemabench.deriving.parameters import Role, Use
from schemabench.deriving.rows import Rows

_LISTED = 10
"""Values of a list of unknown length."""
_MOST_LISTED = 1_000
_MOST_KINDS = 20
"""With more values than this, a column does not tell kinds of rows apart."""
_SMALL = 20
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
_SEARCHING = re.compile(r"\w*tsquery(_\d)?$")
"""Functions, and places of their arguments, that take the words of a search."""
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
        self._looked_for(operation, lines, values, questions)
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
        if rows.dense and set(rows.combined) & set(names.values()):
            return {name: self._drawn(rows, column, among=rows.combined) for name, column in names.items()}
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

    def _inserted_at_once(
        self, operation: Operation, uses: Sequence[Use], lines: list[str], questions: list[str]
    ) -> dict[str, str]:
        """Return lists with the values of new rows."""
        table = uses[0].table
        assert table is not None, "an insertion is into a table"
        rows, number = self.rows[table.id], min(_MOST_LISTED, max(1, round(operation.rows)))
        if not operation.executed.lengths:
            questions.append(f"how many rows are inserted at once? Here {number}, as on average.")
        lines += [
            "new = [",
            f"    tables.{rows.name}.row({self._size(rows)} + next(fresh), {self.argument}, random)",
            f"    for _ in range({self._length(operation, number)})",
            "]",
        ]
        named = {operation.names[use.number]: use.column.name for use in uses if use.column}
        found = {name: f"[one[{text(column)}] for one in new]" for name, column in named.items()}
        ordering = [use for use in operation.uses.values() if not use.column and use.word.startswith("unnest_")]
        return found | {operation.names[use.number]: "[str(place) for place in range(len(new))]" for use in ordering}

    @staticmethod
    def _length(operation: Operation, otherwise: int) -> str:
        """Return the length of a list: one of those that were counted, as often."""
        counted = evidence.lengths(operation, otherwise)
        return str(*counted) if len(counted) == 1 else f"Choice({rendered(counted, before=-1_000)}).draw(random)"

    def _looked_for(self, operation: Operation, lines: list[str], values: dict[str, str], questions: list[str]) -> None:
        """Add the words of a search in documents: the first word of some text of a row."""
        search = next((use for use in operation.uses.values() if use.role is Role.SEARCH), None)
        if search is None or search.table is None or search.column is None:
            return
        rows = self.rows[search.table.id]
        texts = [name for name, one in rows.columns.items() if one.name == "Words" and "skew" not in one.keywords]
        texts = texts or [name for name, one in rows.columns.items() if one.name == "Words"]
        if not texts:
            return
        questions.append(f"what is looked for in {search.column.name}? Here a word of {texts[0]}.")
        lines.append(f"word = {self._drawn(rows, texts[0])}.split()[0]")
        words = [use for use in operation.uses.values() if use is search or _SEARCHING.match(use.word)]
        for use in words:
            if operation.types[use.number] in {"text", "varchar"} and (use is search or use.word.endswith("_2")):
                values[operation.names[use.number]] = "word"

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
        wanted = {use.column.name: kinds for use in uses if use.column and (kinds := evidence.kinds(operation, use))}
        if not wanted and (len(columns) == 1 or (columns <= set(rows.combined) and rows.dense)):
            return {
                name: self._drawn(rows, column, among=rows.combined, questions=questions)
                for name, column in names.items()
            }
        known = f"row_of_{alias}" if alias.isidentifier() else "row"
        lines += self._row(rows, known, columns, wanted)
        found = {name: f"{known}[{text(column)}]" for name, column in names.items()}
        kept = [
            use
            for use in operation.uses.values()
            if use.role is Role.SET and use.alias == alias and use.column and use.column.name in columns
        ]
        if kept:
            some = ", ".join(use.column.name for use in kept if use.column)
            questions.append(f"what does {some} become? Here it stays, so that the next call finds the row, too.")
        return found | {operation.names[use.number]: f"{known}[{text(use.column.name)}]" for use in kept if use.column}

    def _row(self, rows: Rows, known: str, columns: Collection[str], wanted: Mapping[str, Sequence[str]]) -> list[str]:
        """Return the lines that choose a row, with certain values or with any but NULL in some columns."""
        having = {
            column: self._kind(rows, column, wanted[column]) if column in wanted else "..."
            for column in rows.columns
            if column in columns and (column in wanted or _is_sometimes_null(rows.columns[column]))
        }
        if not having:
            return [f"{known} = tables.{rows.name}.any({self.argument}, random)"]
        shown = ", ".join(f"{text(column)}: {value}" for column, value in having.items())
        return [f"{known} = tables.{rows.name}.any({self.argument}, random, having={{{shown}}})"]

    @staticmethod
    def _kind(rows: Rows, column: str, wanted: Sequence[str]) -> str:
        """Return one of the values for which an index was made, as often as rows have it."""
        if len(wanted) == 1:
            return text(wanted[0])
        return f"Choice({rendered(evidence.categories(_shares(rows.columns[column]), wanted))}).draw(random)"

    def _bounded(
        self, operation: Operation, uses: Sequence[Use], lines: list[str], questions: list[str]
    ) -> dict[str, str]:
        """Return the bounds of a range."""
        table, column = uses[0].table, uses[0].column
        assert table is not None, "a column belongs to a table"
        assert column is not None, "a bound is one of a column"
        rows = self.rows[table.id]
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
            most, is_certain = evidence.limit(operation.rows)
            if not is_certain:
                questions.append(f"what is the limit? On average, {operation.rows:.3g} rows are found.")
            return str(most)
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
                return self._listed(operation, use, drawn, questions)
            case Role.DIFFERS:
                wanted = evidence.kinds(operation, use)
                return self._kind(rows, column, wanted) if wanted else drawn
            case Role.HOLDS if use.column.category == "A":
                questions.append(f"what is looked for in {column}?")
                return drawn
            case Role.PATTERN:
                questions.append(f"what is looked for in {column}?")
                return f'str({drawn})[:3] + "%"' if use.word == "like" else '"a"'
            case Role.CHANGE if kind in {"smallint", "integer", "bigint", "numeric"}:
                questions.append(f"by how much does {column} change?")
                return "1" if use.subtracted or _is_small(rows.columns[column]) else "random.randint(1, 10)"
            case Role.KEY if kind in _KEYS:
                questions.append(f"which member of {column} is it?")
                return _KEYS[kind]
            case Role.EQUALS | Role.FROM | Role.TO:
                return drawn
            case _:
                return None

    def _listed(self, operation: Operation, use: Use, drawn: str, questions: list[str]) -> str:
        """Return a list of values that are asked for."""
        assert use.table is not None, "a column belongs to a table"
        assert use.column is not None, "a list is one of a column"
        rows, column = self.rows[use.table.id], use.column.name
        if wanted := evidence.kinds(operation, use):
            return rendered(list(wanted), before=-1_000)
        if shares := _shares(rows.columns[column]):
            questions.append(f"which values of {column} are asked for at once?")
            return rendered(list(shares)[: max(1, len(shares) // 2)], before=-1_000)
        found = evidence.is_unique(use.table, column) and round(operation.rows)
        if not operation.executed.lengths:
            questions.append(f"how many {operation.names[use.number]} are asked for at once?")
        return f"[{drawn} for _ in range({self._length(operation, min(_MOST_LISTED, found or _LISTED))})]"

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


def _shares(column: Made) -> Mapping[str, float] | None:
    """Return the shares of a column's values, if they are a few kinds."""
    while column.name in {"Maybe", "Drawn", "AtLeast"}:
        column = column.positional[-1] if column.name == "Maybe" else column.positional[0]
    if column.name != "Choice" or len(column.positional[0]) > _MOST_KINDS:
        return None
    return {value: share for value, share in column.positional[0].items() if isinstance(value, str)} or None


def _is_sometimes_null(column: Made) -> bool:
    while column.name == "AtLeast":
        column = column.positional[0]
    return column.name == "Maybe"


def _is_small(column: Made) -> bool:
    """Return whether a column holds small numbers alone, as counters of attempts do."""
    if column.name in {"Maybe", "Drawn", "AtLeast", "Mixed", "Histogram", "Choice"}:
        return all(
            _is_small(one) if isinstance(one, Made) else max(one) <= _SMALL
            for one in column.positional
            if isinstance(one, Made | tuple | Mapping)
        )
    return False


def rows_written(operation: Operation) -> str:
    """Return how many rows a call writes, as an argument of a call; nothing for one."""
    if operation.root.__class__.__name__ in {"SelectStmt", "RefreshMatViewStmt"}:
        return ", rows=0"
    if len(operation.executed.lengths) > 1 and any(use.role is Role.INSERT_MANY for use in operation.uses.values()):
        return ", rows=len(new)"
    number = max(1, round(operation.rows))
    return f", rows={number}" if number > 1 else ""
