"""Annotated SQL: blocks, parameters, and places that stay true through every rewriting."""

import re
import string
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pglast import parse_sql

from schemabench.errors import CandidateError, SchemabenchError, WorkloadError
from schemabench.sqlfile import SqlFile, parse, read, sections
from schemabench.statements import Kind, Operation, Query, Statement, Text, block, literal

PIECES = {
    "SELECT": None,
    "1": None,
    "a[1:2]": None,
    "b[x : y]": None,
    "c::text": None,
    "'über :not'": None,
    "E'it\\'s :not'": None,
    "'two '' quotes :not'": None,
    '"név :not"': None,
    "$$ :not ; $$": None,
    "$tag$ $$ :not 🎉 ; $tag$": None,
    "/* :not ; /* 🎉 */ -- */": None,
    "-- é :not ;\n": None,
    "-- name is no name\n": None,
    "f(x := 1)": None,
    "\n": None,
    "\t": None,
    "🎉": None,
    ":a": "a",
    ":b::bigint[]": "b",
    "(:a)": "a",
    ":date": "date",
    ":select": "select",
    ":_x9": "_x9",
    ":été": "été",
}
"""SQL -> the parameter that it holds."""
pieces = st.lists(st.sampled_from(sorted(PIECES)), min_size=1, max_size=12)
names = st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sql")


def _read(folder: Path, text: str) -> SqlFile:
    path = folder / "candidate.sql"
    path.write_text(text, encoding="utf-8", newline="")
    return read(path, CandidateError)


def _refused(folder: Path, text: str) -> CandidateError:
    with pytest.raises(CandidateError) as caught:
        _read(folder, text)
    return caught.value


def _statement(folder: Path, sql: str) -> Statement:
    (statement,) = _read(folder, f"-- name: op\n{sql}").operations["op"].statements
    return statement


def _sql(some: Operation) -> list[str]:
    return [statement.text.sql for statement in some.statements]


@given(st.dictionaries(names, st.lists(pieces, min_size=1, max_size=4), max_size=4), pieces)
def test_reading_keeps_every_statement(folder: Path, blocks: dict[str, list[list[str]]], preamble: list[str]) -> None:
    written = {name: [f"SELECT {' '.join(some)}".strip() for some in statements] for name, statements in blocks.items()}
    text = " ".join(preamble) + "\n"
    for name, statements in written.items():
        text += f"-- name: {name}\n" + "\n;\n".join(statements) + "\n;\n"

    file = _read(folder, text)

    assert file.preamble.sql == " ".join(preamble) + "\n"
    assert list(file.operations) == list(written)
    for name, statements in written.items():
        found = _sql(file.operations[name])
        assert len(found) == len(statements)
        for one, whole in zip(found, statements, strict=True):
            assert one.startswith("SELECT")
            assert whole.startswith(one)
            rest = whole.removeprefix(one).strip()
            assert not rest or rest.startswith(("--", "/*")), "only comments may be left out"


@given(pieces)
def test_parameters_are_found_and_nothing_else_is(folder: Path, some: list[str]) -> None:
    statement = _statement(folder, f"SELECT {' '.join(some)}")

    assert statement.parameters == tuple(dict.fromkeys(PIECES[one] for one in some if PIECES[one]))


@given(st.lists(st.sampled_from([*sorted(PIECES), ':"table"', ':"🎉 x"', ":'lit'"]), min_size=1, max_size=12))
def test_every_character_that_is_sent_leads_to_where_it_was_written(folder: Path, some: list[str]) -> None:
    text = f"-- über\n-- name: op\n  SELECT {' '.join(some)}"
    (statement,) = _read(folder, text).operations["op"].statements
    query = statement.render({"table": 'o"rders', "🎉 x": "y"}, literals={"lit": "it's"})
    lines = text.split("\n")
    marks = {start: end for start, end, _, _ in statement.marks}

    copied = _copied(statement, query)
    assert len(copied) >= len("SELECT")
    for sent, written in copied:
        place = query.place(sent)
        assert lines[place.line - 1][place.column - 1 : place.column] in {query.sql[sent], ""}
        assert place == statement.text.place(written)
        assert written not in marks


def _copied(statement: Statement, query: Query) -> list[tuple[int, int]]:
    """Return (offset into what is sent, offset into what was written) of all that is not rewritten."""
    found, sent, written = [], 0, 0
    for start, end, name, kind in statement.marks:
        found += [(sent + step, written + step) for step in range(start - written)]
        sent += start - written
        replaced = _quoted(name) if kind is not Kind.VALUE else f"${query.parameters.index(name) + 1}"
        assert query.sql.startswith(replaced, sent)
        sent += len(replaced)
        written = end
    assert query.sql[sent:] == statement.text.sql[written:]
    return found + [(sent + step, written + step) for step in range(len(query.sql) - sent)]


def _quoted(name: str) -> str:
    return {"table": '"o""rders"', "🎉 x": '"y"', "lit": "'it''s'"}[name]


def test_the_place_of_a_rewritten_parameter_is_its_own(folder: Path) -> None:
    query = _statement(folder, "SELECT é,\n  :media_count::int, :media_count, :site").render({})

    assert query.sql == "SELECT é,\n  $1::int, $1, $2"
    assert query.parameters == ("media_count", "site")
    positions = [query.place(query.sql.index(text)) for text in ("$1::", "$1,", "$2")]
    assert [(place.line, place.column) for place in positions] == [(3, 3), (3, 22), (3, 36)]
    assert positions[0].text == "  :media_count::int, :media_count, :site"


def test_a_place_past_the_end_is_the_end(folder: Path) -> None:
    query = _statement(folder, "SELECT :a").render({})

    assert query.place(10_000).line == 2


def test_identifiers_are_quoted_and_fixed(folder: Path) -> None:
    statement = _statement(folder, 'INSERT INTO :"table" VALUES (:a) -- :"no"')

    assert statement.parameters == ("a",)
    assert statement.render({"table": 'or"ders'}).sql.startswith('INSERT INTO "or""ders" VALUES ($1)')


def test_an_identifier_that_nobody_fixes_is_refused_at_its_place(folder: Path) -> None:
    statement = _statement(folder, 'INSERT INTO :"table" VALUES (1)')

    with pytest.raises(WorkloadError, match='Neither a writer nor a call sets the identifier :"table"') as caught:
        statement.render({"other": "x"}, WorkloadError)
    assert str(caught.value.where).startswith(f"{folder / 'candidate.sql'}:2:13\n")


def test_a_slice_of_an_array_with_a_name_is_a_parameter_unless_a_blank_follows_the_colon(folder: Path) -> None:
    assert _statement(folder, "SELECT a[x:y]").parameters == ("y",)
    assert _statement(folder, "SELECT a[x: y], a[1:2], a[:], a[: y]").parameters == ()


def test_an_operation_of_several_statements_has_the_parameters_of_all(folder: Path) -> None:
    operation = _read(folder, "-- name: op\nSELECT :b, ';';\n\n-- more\nSELECT :a, :b;;").operations["op"]

    assert _sql(operation) == ["SELECT :b, ';'", "SELECT :a, :b"]
    assert operation.parameters == ("b", "a")


def test_headers_are_read_with_their_continuations(folder: Path) -> None:
    text = (
        "-- candidate: hash\n-- summary: by site,\n--   eight ways, été\n-- a remark\n--   of two lines\n"
        "-- expects:\n-- postgres: >= 14\nCREATE TABLE t ();\n-- summary: no header\n"
    )

    assert _read(folder, text).headers == {
        "candidate": "hash",
        "summary": "by site, eight ways, été",
        "expects": "",
        "postgres": ">= 14",
    }


def test_blank_lines_above_the_headers_hide_none(folder: Path) -> None:
    assert _read(folder, "\n \n-- postgres: >= 99\nCREATE TABLE t ();").headers == {"postgres": ">= 99"}


def test_the_place_of_a_header_is_its_own_line(folder: Path) -> None:
    file = _read(folder, "\n  -- candidate: a\n-- summary: it\n--   extends: it\n-- extends: b\nSELECT 1;")

    assert file.headers == {"candidate": "a", "summary": "it extends: it", "extends": "b"}
    assert [(file.header(key).line, file.header(key).column) for key in file.headers] == [(2, 3), (3, 1), (5, 1)]


def test_headers_end_at_the_first_operation(folder: Path) -> None:
    assert _read(folder, "-- summary: a\n-- name: op\n-- expects: b\nSELECT 1").headers == {"summary": "a"}


def test_a_file_of_another_editor_is_read_alike(folder: Path) -> None:
    text = "\ufeff-- candidate: x\r\n-- summary: y\r\nCREATE TABLE t ();\r\n-- name: op\r\nSELECT :a;\r\n"
    file = _read(folder, text)

    assert file.headers == {"candidate": "x", "summary": "y"}
    assert file.operations["op"].statements[0].text.place().line == 5


def test_a_text_that_is_held_already_is_read_as_its_file(folder: Path) -> None:
    text = "-- candidate: x\nCREATE TABLE t ();\n-- name: op\nSELECT :a;\n"
    file = _read(folder, text)

    assert parse(file.path, text, CandidateError) == file


def test_the_sql_of_an_operation_is_its_statements_without_what_is_said_between_them(folder: Path) -> None:
    text = "-- name: op\n-- first\nSELECT 1 /* one */;\n-- then\nSELECT\n  2\n-- name: other\nSELECT 3"
    operation = _read(folder, text).operations["op"]

    assert operation.sql == "SELECT 1 /* one */;\nSELECT\n  2;\n"


def _split(preamble: Text) -> list[Text]:
    return [one.text for section in sections(preamble, CandidateError) for one in section.statements]


@pytest.mark.parametrize("text", ["", "\n", "-- nothing\n", "/* nothing */"])
def test_a_file_without_a_statement_has_none(folder: Path, text: str) -> None:
    file = _read(folder, text)

    assert file.operations == {}
    assert _split(file.preamble) == []


def test_a_preamble_is_split_as_psql_would(folder: Path) -> None:
    statements = [
        "CREATE TABLE t (a text DEFAULT ';')",
        "DO $é$ BEGIN PERFORM 1; END $é$",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
        "CREATE INDEX CONCURRENTLY ON t (a)",
    ]
    preamble = _read(folder, "-- ;\n" + ";\n-- lead 🎉\n".join(statements) + ";").preamble

    assert [one.sql for one in _split(preamble)] == statements
    assert [one.place().line for one in _split(preamble)] == [2, 4, 6, 8, 10]


def test_a_preamble_of_unknown_syntax_is_left_to_the_server(folder: Path) -> None:
    preamble = _read(folder, "CREATE TABLE a ();\nCREATE NOVELTY b;").preamble

    assert _split(preamble) == [preamble]


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("SELECT 'é 🎉 abc", "unterminated quoted string", "1:8"),
        ("éé /* abc", "unterminated /* comment", "1:4"),
        ("SELECT 1;\n SELECT $x$ a $$", "unterminated dollar-quoted string", "2:9"),
        ('🎉 "abc', "unterminated quoted identifier", "1:3"),
        ("-- name: op\n-- ü\nSELECT 1, 'x\n", "unterminated quoted string", "3:11"),
        ("-- name: op\nSELECT 1a", "trailing junk", "2:8"),
    ],
)
def test_what_postgres_cannot_read_is_shown_at_its_place(folder: Path, text: str, words: str, place: str) -> None:
    error = _refused(folder, text)

    assert words in error.what
    assert str(error.where).startswith(f"{folder / 'candidate.sql'}:{place}\n")


def test_pauses_are_read_and_shown_as_written(folder: Path) -> None:
    body = "-- transaction: 1\n-- pause: :think ms\nSELECT 1;\n-- pause: 5 ms\n"
    operation = _read(folder, f"-- name: op\n{body}").operations["op"]

    assert operation.sql == body
    assert operation.parameters == ("think",)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("-- pause: long\nSELECT 1;", "'long' is not a duration"),
        ("-- pause: 5 ms\n-- pause: 5 ms\nSELECT 1;", "Two pauses follow each other"),
        ("SELECT 1;\n-- pause: 5 ms\n", "pauses behind its last statement, when everything is done"),
        ("-- batch: 10\n-- pause: 5 ms\nSELECT :a::int[];", "pauses, which no copy, gathered call or pipeline can"),
        ("-- pipeline: 10\n-- pause: 5 ms\nSELECT 1;", "pauses, which no copy, gathered call or pipeline can"),
        ("-- pause: 5 ms\nCOPY t (a) FROM STDIN;", "pauses, which no copy, gathered call or pipeline can"),
    ],
)
def test_a_pause_that_cannot_be_is_refused(folder: Path, body: str, what: str) -> None:
    assert what in _refused(folder, f"-- name: op\n{body}").what


def test_an_error_does_not_quote_the_rest_of_the_file(folder: Path) -> None:
    error = _refused(folder, "SELECT 'open;\n" + "SELECT 1;\n" * 1_000)

    assert len(str(error)) < 200


@pytest.mark.parametrize("name", ["Upsert", "9lives", "a-b", "ünder", ""])
def test_a_name_that_is_none_is_refused(folder: Path, name: str) -> None:
    error = _refused(folder, f"SELECT 1;\n-- name: {name}\nSELECT 1")

    assert error.what == f"{name!r} is not a valid operation name"
    assert error.where is not None
    assert error.where.line == 2


@pytest.mark.parametrize("body", ["", "\n", "-- only a comment\n", "/* or this */;\n", ";;\n"])
def test_an_operation_without_a_statement_is_refused(folder: Path, body: str) -> None:
    error = _refused(folder, f"-- name: op\n{body}-- name: other\nSELECT 1")

    assert error.what == "The operation 'op' has no statement"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("COPY t FROM STDIN", "A copy from the client must name its columns"),
        ("copy t (a) from stdin (FORMAT csv)", "An operation copies in text or binary format, without other options"),
        (
            "copy t (a) from stdin with (delimiter ',')",
            "An operation copies in text or binary format, without other options",
        ),
        ("COPY t TO STDOUT", "An operation cannot copy to the client"),
        ("COPY t (a) FROM STDIN WHERE a > :least", "A copy takes its values from its columns, and has no parameters"),
    ],
)
def test_a_copy_that_is_not_of_rows_from_the_client_is_refused(folder: Path, sql: str, what: str) -> None:
    error = _refused(folder, f"-- name: op\n\n{sql};")

    assert error.what == what
    assert error.where is not None
    assert error.where.line == 3
    assert _read(folder, "-- name: op\nCOPY t TO '/dev/null'").operations


def test_a_copy_is_the_only_statement_of_its_operation(folder: Path) -> None:
    error = _refused(folder, "-- name: op\nSELECT 1;\nCOPY t (a) FROM STDIN;")

    assert error.what == "The operation 'op' copies from the client and has 2 statements, not one"


def test_columns_of_a_copy_are_its_parameters(folder: Path) -> None:
    operation = _read(folder, '-- name: op\nCOPY :"part".t (site, bytes) FROM STDIN (FORMAT text);').operations["op"]

    assert (operation.copies, operation.parameters) == (True, ("site", "bytes"))
    query = operation.statements[0].render({"part": "one"})
    assert query.sql == 'COPY "one".t (site, bytes) FROM STDIN (FORMAT text)'


def test_what_an_operation_says_of_sending_is_read_above_its_first_statement(folder: Path) -> None:
    text = "-- name: op\n-- Some prose: with a colon\n-- batch: 100 within 50 ms\n-- prepare: never\nSELECT 1;"
    operation = _read(folder, text).operations["op"]

    assert (operation.sending.batch, operation.sending.within_s, operation.sending.prepared) == (100, 0.05, False)
    assert operation.sql == "-- batch: 100 within 50 ms\n-- prepare: never\nSELECT 1;\n"


def test_capitals_make_no_difference_in_lines_that_say_how_to_send(folder: Path) -> None:
    text = "-- name: op\n-- Batch: 100\n-- Prepare: never\nSELECT unnest(:a::int[]);"
    sending = _read(folder, text).operations["op"].sending
    assert (sending.batch, sending.prepared) == (100, False)

    text = "-- name: op\n-- As: placed\n-- If none: stop\nSELECT 1 AS id;\nSELECT :placed.id::int;"
    first, _ = _read(folder, text).operations["op"].statements
    assert (first.gives, first.stops) == ("placed", True)


def test_a_pipeline_and_a_transaction_are_read_and_shown_as_written(folder: Path) -> None:
    text = "-- name: op\n-- transaction: 1_000 within 1 s\n-- pipeline: 20\nSELECT 1;"
    operation = _read(folder, text).operations["op"]

    sending = operation.sending
    assert (sending.transaction, sending.within_s, sending.pipeline, sending.batch) == (1000, 1.0, 20, 1)
    assert operation.sql == "-- transaction: 1_000 within 1 s\n-- pipeline: 20\nSELECT 1;\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("-- pipeline: 20\nCOPY t (a) FROM STDIN;", "copies from the client in a pipeline"),
        ("-- transaction: 20\nCOPY t (a) FROM STDIN;", "copies from the client, which gathers calls by `-- batch:`"),
        ("-- batch: 20\n-- transaction: 20\nSELECT 1;", "gathers calls both into a batch and into a transaction"),
        ("-- transaction: 20\n-- nothing", "gathers calls, but has no statement"),
        ("-- pipeline: 20\n-- nothing", "has a pipeline, but no statement"),
    ],
)
def test_lines_that_do_not_go_together_are_refused(folder: Path, text: str, what: str) -> None:
    error = _refused(folder, f"-- name: op\n{text}")

    assert error.what.startswith(f"The operation 'op' {what}")
    assert error.where is not None
    assert error.where.line == 1


def test_what_an_operation_says_of_sending_below_its_first_statement_is_refused(folder: Path) -> None:
    error = _refused(folder, "-- name: op\nSELECT 1;\n-- batch: 100\nSELECT 2;")

    assert error.what == "`-- batch:` has no effect here"
    assert error.where is not None
    assert error.where.line == 3


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("batch: 0", "`-- batch:` '0' is not a batch"),
        ("batch: many", "`-- batch:` 'many' is not a batch"),
        ("batch: 10 within x", "`-- batch:` 'x' is not a duration"),
        ("transaction: 0", "`-- transaction:` '0' is not a transaction"),
        ("pipeline: 0", "`-- pipeline:` '0' is not a number of requests from 1 to 10,000"),
        ("pipeline: 10001", "`-- pipeline:` '10001' is not a number of requests from 1 to 10,000"),
        ("pipeline: 20 within 5 ms", "`-- pipeline:` '20 within 5 ms' is not a number of requests"),
        ("prepare: sometimes", "`-- prepare:` 'sometimes' is neither `always` nor `never`"),
        ("retry: deadlock", "`-- retry:` 'deadlock' is not a SQLSTATE"),
        ("accept: unique", "`-- accept:` 'unique' is not a SQLSTATE"),
        ("accept: 23505\n-- retry: 23505", "`-- retry:` '23505' is both retried and accepted"),
        ("batsch: 10", "`-- batsch: 10` has no effect; did you mean 'batch'?"),
        ("as: Two Words", "'Two Words' is not a valid name for a row"),
        ("as: row\n-- if none: skip", "`-- if none:` 'skip' is neither `stop` nor `fail`"),
        ("if none: stop", "`-- if none:` is about a row that has no name"),
    ],
)
def test_a_wrong_value_for_sending_is_refused_with_what_is_right(folder: Path, line: str, what: str) -> None:
    error = _refused(folder, f"-- name: op\n-- {line}\nSELECT 1;")

    assert error.what.startswith(what)
    assert error.where is not None
    assert error.where.line in {2, 3}


def test_a_statement_gives_its_row_to_later_ones_under_a_name(folder: Path) -> None:
    text = "-- name: op\n-- batch: 1\n-- as: a\n-- if none: stop\nSELECT :x AS y, 1 AS z;\nSELECT :a.y, :a.z, :x;"
    operation = _read(folder, text).operations["op"]
    first, second = operation.statements

    assert (first.gives, first.stops, operation.taken(0)) == ("a", True, ("y", "z"))
    assert (second.takes, second.needs, operation.parameters) == ((("a", "y"), ("a", "z")), ("x",), ("x",))
    assert second.render({}).sql == "SELECT $1, $2, $3"
    assert operation.sql == text.removeprefix("-- name: op\n") + "\n"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("SELECT :placed.id;\n-- as: placed\nSELECT 1 AS id;", "No earlier statement of 'op' gives :placed.id"),
        ("-- as: placd\nSELECT 1 AS id;\nSELECT :placed.id;", "gives :placed.id; did you mean 'placd'?"),
        ("-- as: a\nSELECT 1;\n-- as: a\nSELECT 2;", "Two statements of 'op' give 'a'"),
        ("SELECT 1;\n-- as: a\n", "`-- as: a` has no effect here"),
        ("SELECT 1 -- as: a\n;", "`-- as: a` has no effect here"),
        ("-- batch: 5\nSELECT :'a';", "gathers calls, and :'name' takes one value of one call"),
        ("-- pipeline: 5\n-- as: a\nSELECT 1 AS b;\nSELECT :a.b;", "looks at rows in a pipeline"),
        (
            "-- transaction: 5\n-- as: a\n-- if none: stop\nSELECT 1 AS b;",
            "would end without a row, and other calls of",
        ),
    ],
)
def test_a_row_that_no_statement_gives_or_takes_is_refused(folder: Path, body: str, what: str) -> None:
    assert what in _refused(folder, f"-- name: op\n{body}").what


@pytest.mark.parametrize(
    ("value", "written"), [(None, "NULL"), ("it's", "'it''s'"), ("back\\slash", " E'back\\\\slash'"), ("", "''")]
)
def test_a_literal_is_quoted_as_the_server_reads_it(value: str | None, written: str) -> None:
    assert literal(value) == written


def test_an_operation_may_have_nothing_to_do_if_it_says_so(folder: Path) -> None:
    operation = _read(folder, "-- name: op\n-- nothing\n-- name: other\nSELECT 1").operations["op"]

    assert operation.statements == ()


def test_a_parameter_by_number_is_refused_but_within_a_string(folder: Path) -> None:
    error = _refused(folder, "-- name: op\nSELECT 1;\nSELECT :name::text, $2::int")

    assert error.what == "A parameter has a name, not a number: $2"
    assert error.where is not None
    assert (error.where.line, error.where.column) == (3, 21)
    assert _read(folder, "-- name: op\nSELECT '$1', $$ $1 $$").operations["op"].parameters == ()


def test_two_operations_of_one_name_are_refused(folder: Path) -> None:
    error = _refused(folder, "-- name: op\nSELECT 1;\n-- name: op\nSELECT 2")

    assert error.what == "The operation 'op' is defined twice"
    assert error.where is not None
    assert error.where.line == 3


def test_a_file_that_cannot_be_read_is_the_fault_of_who_wrote_it(folder: Path) -> None:
    with pytest.raises(WorkloadError, match=r"Cannot read .*absent.sql: No such file"):
        read(folder / "absent.sql", WorkloadError)
    with pytest.raises(CandidateError, match="Cannot read"):
        read(folder, CandidateError)


def test_a_file_in_another_encoding_is_refused_with_the_byte(folder: Path) -> None:
    path = folder / "latin.sql"
    path.write_bytes("-- é".encode("latin-1"))

    with pytest.raises(CandidateError, match="is not UTF-8: byte 3 is 0xe9"):
        read(path, CandidateError)


def test_a_nul_is_refused_where_it_stands(folder: Path) -> None:
    error = _refused(folder, "SELECT 1;\nSELECT '\0';\n-- name: lost\nSELECT 2")

    assert "NUL" in error.what
    assert error.where is not None
    assert (error.where.line, error.where.column) == (2, 9)


def test_errors_are_of_the_class_that_was_asked_for(folder: Path) -> None:
    kinds: Sequence[type[SchemabenchError]] = (CandidateError, WorkloadError)
    for kind in kinds:
        (folder / "bad.sql").write_text("-- name: op\n")
        with pytest.raises(kind):
            read(folder / "bad.sql", kind)


def test_examples_of_the_page_on_sending_are_read(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sending.md").read_text(encoding="utf-8")
    example = "\n".join(re.findall(r"```sql\n(.*?)```", page, re.DOTALL))
    found = _read(folder, example).operations

    batches = {name: one.sending.batch for name, one in found.items() if one.sending.batch > 1}
    assert batches == {"insert_event": 100, "insert_reading": 1000}
    assert found["insert_event"].sending.within_s == 0.05
    assert found["insert_reading"].copies
    assert (found["insert_visit"].sending.transaction, found["insert_vote"].sending.pipeline) == (100, 20)
    assert (found["register"].sending.prepared, found["register"].sending.retried) == (False, ("23505",))


def test_a_literal_ends_where_it_is_closed_even_if_a_string_follows_in_the_next_line(folder: Path) -> None:
    statement = _statement(folder, "SELECT :'lit'\n'more'")

    assert statement.render({}, literals={"lit": "it's"}).sql == "SELECT 'it''s'\n'more'"


@pytest.mark.parametrize("name", ["plain", "a$$b", "a$", "$$ $block_1$", "it's $block_1"])
def test_a_block_ends_where_its_body_does_whatever_that_contains(name: str) -> None:
    body = f"BEGIN EXECUTE 'CREATE SCHEMA \"{name}\"'; END"

    (statement,) = parse_sql(block(body))

    assert statement.stmt.args[0].arg.sval == f" {body} "
