"""Parts: who belongs to which, sections of a schema, what is asked where, and what is refused."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import made_up
import pytest
import regions

from schemabench import Call, Model, Rows, Writer, candidate, sqlfile
from schemabench.candidate import Candidate, check_parts
from schemabench.equivalence import difference, digest, questions
from schemabench.errors import CandidateError, ServerError, WorkloadError
from schemabench.experiment.feed import Feed
from schemabench.server import Database, Databases, several
from schemabench.workload import Parts
from schemabench.workload.checking import check_cardinality
from schemabench.workload.parts import divided

NORTH, SOUTH = {"region": "north"}, {"region": "south"}
PARTS = Parts(by_name={"north": NORTH, "south": SOUTH})
ONE = Databases(label="x", by_part={"": Database(name="db", label="x")})
APART = Databases(label="x", by_part={part: Database(name=f"db_{part}", label="x") for part in ("north", "south")})


def _writer(name: str, part: str = "", **identifiers: str) -> Writer:
    return Writer(name=name, kind="stream", weight=1, part=part, identifiers=identifiers)


def _candidate(folder: Path, text: str) -> Candidate:
    (folder / "baseline.sql").write_text(text)
    return candidate.find(folder)["baseline"]


def test_parts_are_those_of_the_writers_in_their_order() -> None:
    found = divided(
        [_writer("a", "south", region="s"), _writer("b", "north", region="n"), _writer("c", "south", region="s")]
    )

    assert found.names == ("south", "north")
    assert found.identifiers("south") == {"region": "s"}
    assert found.identifiers("") == {}


def test_without_parts_the_first_writer_that_has_a_name_gives_its_value() -> None:
    found = divided([_writer("a"), _writer("b", table="first"), _writer("c", table="second", other="x")])

    assert found.names == ()
    assert found.identifiers("") == {"table": "first", "other": "x"}


def test_writers_of_a_part_have_the_same_identifiers() -> None:
    with pytest.raises(WorkloadError, match="part 'north' have different identifiers: 'a' and 'b'") as caught:
        divided([_writer("a", "north", region="n"), _writer("b", "north")])

    assert caught.value.checked == ("a: region = n", "b: none")


def test_a_section_is_repeated_and_what_is_around_it_is_not(tmp_path: Path) -> None:
    repeated = "CREATE SCHEMA :\"region\";\nSELECT '🎉', :'region', :\"region\";\n"
    text = f'CREATE TABLE "é" ();\n-- for each part\n{repeated}-- end\nSELECT 2;\n'
    sections = _candidate(tmp_path, text).schema

    assert [(one.each_part, len(one.statements)) for one in sections] == [(False, 1), (True, 2), (False, 1)]
    create, select = sections[1].statements
    assert sqlfile.rendered(create, {"region": 'no"rth'}).sql == 'CREATE SCHEMA "no""rth"'
    assert sqlfile.rendered(select, {"region": "o'h"}).sql == "SELECT '🎉', 'o''h', \"o'h\""
    assert select.text.place().line == 4


@pytest.mark.parametrize("name", ["", "n" * 64, "ü" * 32])
def test_a_name_that_no_identifier_can_have_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    text = "-- for each part\nSELECT :'region';\nCREATE SCHEMA :\"region\";\n-- end\n"
    select, create = next(one for one in _candidate(tmp_path, text).schema if one.each_part).statements

    assert sqlfile.rendered(select, {"region": name}).sql == f"SELECT '{name}'"
    with pytest.raises(WorkloadError, match=f'sets? the identifier :"region" to {name!r}') as caught:
        sqlfile.rendered(create, {"region": name})
    assert caught.value.where is not None
    assert caught.value.where.line == 3


def test_marks_inside_of_functions_and_comments_are_none(tmp_path: Path) -> None:
    text = "DO $$ BEGIN PERFORM :\"a\"; -- for each part\nEND $$;\n/* :'b' -- end */ CREATE TABLE t (a int[]);\n"
    (section,) = _candidate(tmp_path, text).schema

    assert [statement.marks for statement in section.statements] == [(), ()]


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("-- for each part\nSELECT 1;\n", "has no `-- end`", 1),
        ("SELECT 1;\n-- end\n", "`-- end` ends nothing here", 2),
        ("-- for each part\n-- for each part\n-- end\n", "stands between another one and its `-- end`", 2),
        ('SELECT 1;\nCREATE SCHEMA :"region";\n', ':"region" stands outside of `-- for each part`', 2),
        ("SELECT :'region';\n", ":'region' stands outside of `-- for each part`", 1),
        ("-- databases: three\nSELECT 1;\n", "'three' does not say where parts live", 1),
    ],
)
def test_a_mistake_in_the_schema_is_told_at_its_line(tmp_path: Path, text: str, words: str, line: int) -> None:
    with pytest.raises(CandidateError) as caught:
        _candidate(tmp_path, text)

    assert words in caught.value.what
    assert caught.value.where is not None
    assert caught.value.where.line == line


def test_the_candidates_of_the_page_fit_its_workload() -> None:
    names: dict[str, Any] = {"__name__": "regions"}
    exec(regions.module(), names)  # noqa: S102 (our own page)
    parts = divided(names["workload"].writers(names["Shop"]()))

    for name, text in regions.candidates().items():
        one = Candidate(
            name=name,
            summary="",
            expects="",
            bounds=(),
            file=sqlfile.parse(Path(f"{name}.sql"), text, CandidateError),
        )
        check_parts(one, [*parts.by_name.values()])


def _question(sql: str, databases: Databases, parts: Parts) -> list[tuple[str, str, str]]:
    file = sqlfile.parse(Path("operations.sql"), f"-- name: rows\n{sql}", WorkloadError)
    found = questions(file.operations["rows"], databases, parts, WorkloadError)
    return [(one.part, one.database.name, one.query.sql) for one in found]


def test_a_query_is_asked_once_unless_parts_live_apart_or_have_names_in_it() -> None:
    assert _question("SELECT 1", ONE, PARTS) == [("", "db", "SELECT 1")]
    assert _question("SELECT 1", APART, PARTS) == [("north", "db_north", "SELECT 1"), ("south", "db_south", "SELECT 1")]
    assert _question('TABLE :"region"', ONE, PARTS) == [
        ("north", "db", 'TABLE "north"'),
        ("south", "db", 'TABLE "south"'),
    ]
    assert _question("SELECT :'region'", APART, PARTS)[1] == ("south", "db_south", "SELECT 'south'")
    assert _question('TABLE :"region"', ONE, Parts(shared=NORTH)) == [("", "db", 'TABLE "north"')]


def test_a_query_with_a_name_that_nobody_has_is_refused() -> None:
    with pytest.raises(WorkloadError, match=":'regoin'"):
        _question("SELECT :'regoin'", ONE, PARTS)


class FakeServer:
    """A server that makes and drops names, and refuses those that hold a word."""

    def __init__(self, refused: str = "nothing") -> None:
        self.there: list[str] = []
        self._refused = refused

    def alive(self) -> bool:
        """Return that it is there."""
        return True

    def create(self, label: str) -> Database:
        """Make a name."""
        return self.clone(None, label)

    def clone(self, _: object, label: str, *, keep: bool = False) -> Database:
        """Make a name."""
        assert not keep
        if self._refused in label:
            raise ServerError("no space left")
        self.there.append(label)
        return Database(name=label, label=label)

    def drop(self, database: Database) -> None:
        """Drop a name."""
        self.there.remove(database.name)


def test_databases_are_made_copied_and_dropped_together() -> None:
    server: Any = FakeServer()
    one = several.create(server, "shop", PARTS.names)
    two = several.clone(server, one, "copy")

    assert one.names == {"north": "shop_north", "south": "shop_south"}
    assert two.of("south").name == "copy_south"
    assert several.create(server, "alone", ()).names == {"": "alone"}
    several.drop(server, one)
    assert server.there == ["copy_north", "copy_south", "alone"]


def test_if_one_database_cannot_be_made_none_is_left() -> None:
    server: Any = FakeServer(refused="south")

    with pytest.raises(ServerError, match="no space left"):
        several.create(server, "shop", PARTS.names)
    with pytest.raises(ServerError, match="no space left"):
        several.clone(server, APART, "shop")
    assert server.there == []


class Played:
    """A connection that plays the rows of a query, sorted as the server does."""

    def __init__(self, *rows: str) -> None:
        self._rows = sorted(rows)

    @contextmanager
    def cursor(self) -> Iterator["Played"]:
        """Play the cursor, too."""
        yield self

    @contextmanager
    def copy(self, _: object) -> Iterator["Played"]:
        """Play the copy, too."""
        yield self

    def rows(self) -> Sequence[tuple[str]]:
        """Return the rows."""
        return [(one,) for one in self._rows]

    def execute(self, _: object) -> SimpleNamespace:
        """Answer a digest."""
        return SimpleNamespace(fetchone=lambda: (len(self._rows), str(sum(map(len, self._rows)))))


def _asked(*connections: Played) -> Any:  # noqa: ANN401 (connections that are played)
    return [(one, "SELECT 1") for one in connections]


def test_rows_of_several_databases_are_compared_as_one_multiset() -> None:
    together, apart = _asked(Played("(1)", "(2)", "(2)", "(3)")), _asked(Played("(2)", "(3)"), Played("(1)", "(2)"))

    assert difference("rows", together, apart) is None
    assert digest(together) == digest(apart) == "4:12"


def test_rows_without_a_counterpart_are_shown() -> None:
    found = difference("rows", _asked(Played("(1)", "(2)", "(2)")), _asked(Played("(2)"), Played("(1)", "(4)")))

    assert found == (
        "the state 'rows' differs from the baseline's:\nexpected, and not found: (2)\nfound, and not expected: (4)"
    )


def _parted(_: object) -> tuple[Writer, ...]:
    return (_writer("stream", "north", region="north"), _writer("reader", "south", region="south"))


def test_calls_of_the_background_belong_to_parts_that_exist(tmp_path: Path) -> None:
    def background(*_: object) -> Any:  # noqa: ANN401 (calls and rows)
        yield Call("add", {"key": "a", "value": 1}, part="north")
        yield Rows("add", ["key", "value"], [("b", 2)], part="south")
        yield Call("add", {"key": "c", "value": 3})
        yield Call("add", {"key": "d", "value": 4}, part="suoth")

    chunks = Feed(made_up.found(tmp_path, writers=_parted, background=background), made_up.Sizes(), 1, {}).background()

    assert [next(chunks).part for _ in range(3)] == ["north", "south", ""]
    with pytest.raises(WorkloadError, match="for the part 'suoth'; did you mean 'south'"):
        next(chunks)


def test_a_call_of_a_writer_belongs_to_no_other_part(tmp_path: Path) -> None:
    def burst(sizes: made_up.Sizes, writer: str, block: int, random: Random) -> Any:  # noqa: ANN401 (calls)
        for call in made_up.burst(sizes, writer, block, random):
            yield call._replace(part="south")

    feed = Feed(made_up.found(tmp_path, writers=_parted, burst=burst), made_up.Sizes(), 1, {})

    assert feed.take("reader", 0, 3)
    with pytest.raises(WorkloadError, match=r"writer 'stream' calls '.*' for the part 'south'"):
        feed.take("stream", 0, 3)


def test_answers_that_may_be_old_are_refused_where_there_are_parts(tmp_path: Path) -> None:
    model: Any = Model(initial=dict, calls=lambda _: None, apply=lambda *_: None, state=dict, fresh_within_s=60.0)
    found = made_up.found(tmp_path, writers=_parted, model=model)

    with pytest.raises(WorkloadError, match="has parts, and answers that may be old"):
        check_cardinality(found, "typical", made_up.Sizes())
