"""From operations to the Python that makes their calls.

Owns where each parameter takes its value, and the questions that only a person can answer. Must not know SQL files.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from schemabench.deriving import evidence
from schemabench.deriving.code import WIDTH, rendered, text
from schemabench.deriving.contents import python_name
from schemabench.deriving.draws import Draws, elements, is_small, kind, one_of, shares
from schemabench.deriving.found import ForeignKey
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
WORDS = {"like_escape_2": '"!"', "date_trunc_1": '"day"', "date_part_1": '"day"', "timezone_1": '"UTC"'}
"""Function and place of an argument that takes certain words only -> one of them."""
_SEARCHING = re.compile(r"\w*tsquery(_2)?")
"""Functions, and places of their arguments, that take the words of a search."""
_KEYS = {"text": '"key"', "integer": "0", "text[]": '["key"]'}
"""Type -> what finds a member of a document."""


@dataclass
class _Draft:
    """The parts of a function while it is written."""

    operation: Operation
    rows: Mapping[int, Rows]
    """What is made up for each table, by its object id."""
    lines: list[str] = field(default_factory=list)
    """Before the call."""
    values: dict[str, str] = field(default_factory=dict)
    """Parameter -> its value, as Python."""
    questions: list[str] = field(default_factory=list)
    chosen: dict[str, tuple[str, Collection[str]]] = field(default_factory=dict)
    """Table, as the statement calls it -> (the variable that holds its row, the columns that the call is about)."""

    def named(self, uses: Sequence[Use]) -> dict[str, str]:
        """Return the columns of some uses, by the names of their parameters."""
        return {self.operation.names[use.number]: use.column.name for use in uses if use.column}

    def of(self, *roles: Role) -> list[Use]:
        """Return the uses in some roles that are about a column whose values are made up."""
        return [use for use in self.operation.uses.values() if use.role in roles and _is_made_up(use, self.rows)]

    def ask(self, question: str) -> None:
        """Add a question."""
        self.questions.append(question)


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

    @property
    def draws(self) -> Draws:
        """What draws values."""
        return Draws(self.rows, self.argument)

    def function(self, operation: Operation, about: str, part: str) -> str:
        """Return the function that makes a call.

        Args:
            operation: The operation.
            about: How often it is called, in words.
            part: How many rows a call writes, as Python.
        """
        draft = self._draft(operation)
        lines = draft.lines
        values = {name: draft.values[name] for name in map(operation.names.__getitem__, operation.uses)}
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
        asked = [f"# Question: {one}" for one in draft.questions]
        body = [f'"""{about}"""', *asked, *lines, call]
        return "\n".join([head, *(f"    {line}" for line in body), ""])

    def _draft(self, operation: Operation) -> _Draft:
        """Return the parts of the function."""
        draft = _Draft(operation, self.rows)
        inserted = sorted(draft.of(Role.INSERT), key=lambda use: use.row)
        for row, uses in groupby(inserted, key=lambda use: use.row):
            self._inserted(draft, row, list(uses))
        if many := draft.of(Role.INSERT_MANY):
            self._inserted_at_once(draft, many)
        self._looked_for(draft)
        asked = sorted(draft.of(Role.EQUALS), key=lambda use: use.alias)
        for alias, uses in groupby(asked, key=lambda use: use.alias):
            self._asked(draft, alias, list(uses))
        for _, uses in groupby(draft.of(Role.FROM, Role.TO), key=lambda use: (use.alias, use.column)):
            self._bounded(draft, list(uses))
        for number, use in operation.uses.items():
            if operation.names[number] not in draft.values:
                draft.values[operation.names[number]] = self._other(draft, use)
        return draft

    def _inserted(self, draft: _Draft, row: int, uses: Sequence[Use]) -> None:
        rows, names = self._rows(uses[0]), draft.named(uses)
        if (rows.dense or rows.counts) and set(rows.combined) & set(names.values()):
            draft.values |= {
                name: self.draws.value(rows, column, among=rows.combined) for name, column in names.items()
            }
            self._counted(draft, rows, names)
            return
        known = "new" if row == 0 else f"new_{row + 1}"
        made, share = self.draws.fresh(rows), _new(draft.operation, rows)
        if share < 1:
            draft.ask(f"how often is the row there already? Here {1 - share:.0%} of the calls find it.")
            draft.lines += [
                f"{known} = (",
                f"    {made}",
                f"    if random.random() < {share:.2g}",
                f"    else tables.{rows.name}.any({self.argument}, random)",
                ")",
            ]
        else:
            draft.lines.append(f"{known} = {made}")
        draft.values |= {name: f"{known}[{text(column)}]" for name, column in names.items()}

    @staticmethod
    def _counted(draft: _Draft, rows: Rows, names: Mapping[str, str]) -> None:
        """Add a number that no row has yet, for the column of a key that counts, as the lines of an order do."""
        counting = next((name for name, column in names.items() if column in rows.counts), None)
        if counting is None or draft.operation.root.onConflictClause:
            return
        draft.ask(f"which {names[counting]} has a new row? Here one that no other has.")
        draft.values[counting] = f"{rows.counts[names[counting]]} + next(fresh) % {_NUMBERS:_}"

    def _inserted_at_once(self, draft: _Draft, uses: Sequence[Use]) -> None:
        """Add lists with the values of new rows."""
        operation = draft.operation
        rows, number = self._rows(uses[0]), min(_MOST_LISTED, max(1, round(operation.rows)))
        if not operation.executed.lengths:
            draft.ask(f"how many rows are inserted at once? Here {number}, as on average.")
        draft.lines += [
            "new = [",
            f"    {self.draws.fresh(rows)}",
            f"    for _ in range({_length(operation, number)})",
            "]",
        ]
        draft.values |= {name: f"[one[{text(column)}] for one in new]" for name, column in draft.named(uses).items()}
        ordering = [use for use in operation.uses.values() if not use.column and use.word.startswith("unnest_")]
        draft.values |= {operation.names[use.number]: "[str(place) for place in range(len(new))]" for use in ordering}

    def _looked_for(self, draft: _Draft) -> None:
        """Add the words of a search in documents: the first word of some text of a row."""
        search = next(iter(draft.of(Role.SEARCH)), None)
        if search is None or search.column is None:
            return
        rows, operation = self._rows(search), draft.operation
        texts = [name for name, one in rows.columns.items() if one.name == "Words" and "vocabulary" in one.keywords]
        if not texts:
            return
        draft.ask(f"what is looked for in {search.column.name}? Here a word of {texts[0]}.")
        draft.lines.append(f"word = {self.draws.value(rows, texts[0])}.split()[0]")
        for use in operation.uses.values():
            is_word = use is search or _SEARCHING.fullmatch(use.word)
            if is_word and operation.types[use.number] in {"text", "varchar"}:
                draft.values[operation.names[use.number]] = "word"

    def _asked(self, draft: _Draft, alias: str, uses: Sequence[Use]) -> None:
        """Add values with which one row is asked for."""
        rows, names, operation = self._rows(uses[0]), draft.named(uses), draft.operation
        columns = set(names.values())
        if operation.root.__class__.__name__ == "DeleteStmt" and columns & set(rows.table.primary):
            draft.ask("which rows are deleted? Here each once, in no order.")
            size = f"max(1, {self.argument}.{rows.name})"
            draft.lines.append(f"gone = tables.{rows.name}.row(next(fresh) % {size}, {self.argument})")
            draft.values |= {name: f"gone[{text(column)}]" for name, column in names.items()}
            return
        known = f"row_of_{alias}" if alias.isidentifier() else "row"
        wanted = {use.column.name: kinds for use in uses if use.column and (kinds := evidence.kinds(operation, use))}
        beside = any(use.alias == alias for use in draft.of(Role.ANY, Role.HOLDS))
        limited = any(use.role is Role.LIMIT for use in operation.uses.values())
        parent = None if wanted or beside or limited else self.draws.parent(rows, columns, operation.rows)
        if parent:
            other, key = parent
            self._asked_by_parent(draft, other, key, known, names)
            return
        if not wanted and not beside and (len(columns) == 1 or (columns <= set(rows.combined) and rows.dense)):
            for name, column in names.items():
                draft.values[name] = self.draws.value(rows, column, among=rows.combined)
                if popular := self.draws.popular(rows, column, rows.combined):
                    often = f"{popular.table}.{popular.column}"
                    draft.ask(f"how often is each {column} asked for? Here as often as {often} refers to it.")
            return
        kinds_of = {column: kind(rows, column, values) for column, values in wanted.items()}
        draft.lines.append(f"{known} = {self.draws.row(rows, columns, kinds_of)}")
        draft.chosen[alias] = known, columns
        kept = [use for use in draft.of(Role.SET) if use.alias == alias and use.column and use.column.name in columns]
        if kept:
            some = ", ".join(draft.named(kept).values())
            draft.ask(f"what does {some} become? Here it stays, so that the next call finds the row, too.")
        draft.values |= {name: f"{known}[{text(column)}]" for name, column in (names | draft.named(kept)).items()}

    def _asked_by_parent(
        self, draft: _Draft, other: Rows, key: ForeignKey, known: str, names: Mapping[str, str]
    ) -> None:
        """Add the key of a row that others refer to, as often as it is needed."""
        if len(key.keys) == 1:
            draft.values |= dict.fromkeys(names, self.draws.value(other, key.keys[0]))
            return
        pairs = dict(zip(key.columns, key.keys, strict=True))
        draft.lines.append(f"{known} = {self.draws.row(other, key.keys, {})}")
        draft.values |= {name: f"{known}[{text(pairs[column])}]" for name, column in names.items()}

    def _bounded(self, draft: _Draft, uses: Sequence[Use]) -> None:
        """Add the bounds of a range."""
        column, rows, names = uses[0].column, self._rows(uses[0]), draft.operation.names
        assert column is not None, "a bound is one of a column"
        taken = any(use.subtracted and use.column == column for use in draft.operation.uses.values())
        if taken and [use.role for use in uses] == [Role.FROM]:
            draft.values[names[uses[0].number]] = _TAKEN
            return
        draft.ask(f"how far does the range of {column.name} reach?")
        if len(uses) == 1 and rows.columns[column.name].name == "Ascending" and uses[0].role is Role.FROM:
            recent = f"tables.{rows.name}.any({self.argument}, random, Recent(0.1))[{text(column.name)}]"
            draft.values[names[uses[0].number]] = recent
        elif len(uses) == 1:
            draft.values[names[uses[0].number]] = self.draws.value(rows, column.name)
        else:
            noun = python_name(column.name, {})
            low, high = f"low_{noun}", f"high_{noun}"
            ends = f"tables.{rows.name}.range({text(column.name)}, {self.argument}, random)"
            draft.lines.append(f"{low}, {high} = {ends}")
            draft.values |= {names[use.number]: low if use.role is Role.FROM else high for use in uses}

    def _other(self, draft: _Draft, use: Use) -> str:
        """Return the value of a parameter that is about no row."""
        operation = draft.operation
        if use.role is Role.LIMIT:
            most, is_certain = evidence.limit(operation.rows)
            if not is_certain:
                draft.ask(f"what is the limit? On average, {operation.rows:.3g} rows are found.")
            return str(most)
        if use.role is Role.OFFSET:
            return "0"
        kind_of, name = operation.types[use.number], operation.names[use.number]
        if (found := self._about_column(draft, use)) is not None:
            return found
        if (rows := self._alike(use)) is not None:
            drawn = self.draws.value(rows, use.word)
            draft.ask(f"what is {name}? Here it is drawn as {rows.name}.{use.word} is.")
            return f"[{drawn} for _ in range({_LISTED})]" if kind_of.endswith("[]") else drawn
        draft.ask(f"what is {name}?")
        if use.word in WORDS:
            return WORDS[use.word]
        return "[]" if kind_of.endswith("[]") else _FALLBACKS.get(kind_of, "None")

    def _alike(self, use: Use) -> Rows | None:
        """Return the largest table with a column of the name that a parameter is compared with, as of a view's."""
        compared = use.column is None and use.role in {Role.EQUALS, Role.FROM, Role.TO, Role.ANY}
        found = [one for one in self.rows.values() if compared and use.word in one.columns]
        return max(found, key=lambda one: one.size) if found else None

    def _about_column(self, draft: _Draft, use: Use) -> str | None:  # noqa: C901, PLR0911 (one for each role)
        """Return the value of a parameter that is about a column; None where nothing is known of it."""
        if not use.table or not use.column or not _is_made_up(use, self.rows):
            return None
        type_of = draft.operation.types[use.number]
        rows, column = self.rows[use.table.id], use.column.name
        drawn = self.draws.value(rows, column, keep_nulls=use.role is Role.SET)
        match use.role:
            case Role.SET if any(column in key for key in (*use.table.unique, *use.table.apart)):
                return f"{self.draws.fresh(rows)}[{text(column)}]"
            case Role.SET:
                return drawn
            case Role.ANY if type_of.endswith("[]"):
                return self._listed(draft, use, drawn)
            case Role.DIFFERS:
                wanted = evidence.kinds(draft.operation, use)
                return kind(rows, column, wanted) if wanted else drawn
            case Role.HOLDS if weights := elements(rows.columns[column]):
                draft.ask(f"what is looked for in {column}? Here one element, as often as rows have it.")
                return f"[{one_of(weights)}]"
            case Role.HOLDS if use.column.base == "jsonb":
                draft.ask(f"what is looked for in {column}? Here all of some row's.")
                found = draft.chosen.get(use.alias)
                return f"{found[0] if found else self.draws.row(rows, [column], {})}[{text(column)}]"
            case Role.PATTERN:
                draft.ask(f"what is looked for in {column}?")
                return f'str({drawn})[:3] + "%"' if use.word == "like" else '"a"'
            case Role.CHANGE if type_of in {"smallint", "integer", "bigint", "numeric"}:
                draft.ask(f"by how much does {column} change?")
                return _TAKEN if use.subtracted or is_small(rows.columns[column]) else "random.randint(1, 10)"
            case Role.KEY if type_of in _KEYS:
                draft.ask(f"which member of {column} is it?")
                return _KEYS[type_of]
            case Role.EQUALS | Role.FROM | Role.TO:
                return drawn
            case _:
                return None

    def _listed(self, draft: _Draft, use: Use, drawn: str) -> str:
        """Return a list of values that are asked for."""
        assert use.table is not None, "a column belongs to a table"
        assert use.column is not None, "a list is one of a column"
        operation, rows, column = draft.operation, self.rows[use.table.id], use.column.name
        if wanted := evidence.kinds(operation, use):
            return rendered(list(wanted), before=-1_000)
        if known := shares(rows.columns[column]):
            draft.ask(f"which values of {column} are asked for at once?")
            return rendered(list(known)[: max(1, len(known) // 2)], before=-1_000)
        row, columns = draft.chosen.get(use.alias, ("", ()))
        number = evidence.is_unique(use.table, {column, *columns}) and round(operation.rows)
        if not operation.executed.lengths:
            draft.ask(f"how many {operation.names[use.number]} are asked for at once?")
        if row:
            alike = {one: f"{row}[{text(one)}]" for one in columns}
            drawn = f"{self.draws.row(rows, [column], alike)}[{text(column)}]"
        return f"[{drawn} for _ in range({_length(operation, min(_MOST_LISTED, number or _LISTED))})]"

    def _rows(self, use: Use) -> Rows:
        assert use.table is not None, "a column belongs to a table"
        return self.rows[use.table.id]


def _is_made_up(use: Use, rows: Mapping[int, Rows]) -> bool:
    """Return whether a use is about a column with values of its own: the server computes those of a generated one."""
    own = rows.get(use.table.id) if use.table else None
    return bool(own and use.column and use.column.name in own.columns)


def _length(operation: Operation, otherwise: int) -> str:
    """Return the length of a list: one of those that were counted, as often."""
    counted = evidence.lengths(operation, otherwise)
    return str(*counted) if len(counted) == 1 else one_of(counted)


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
    if len(operation.executed.lengths) > 1 and any(use.role is Role.INSERT_MANY for use in operation.uses.values()):
        return ", rows=len(new)"
    number = max(1, round(operation.rows))
    return f", rows={number}" if number > 1 else ""
