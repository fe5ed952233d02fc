"""Scripts of pgbench: what each command becomes, and what is refused, with its place."""

import ast
import re
from itertools import islice
from pathlib import Path
from random import Random

import pgbench_program
import pytest

from schemabench import cli, pgbench, sqlfile, workload
from schemabench.errors import UsageError
from schemabench.pgbench import builtins
from schemabench.statements import Text
from schemabench.workload import Call, Found

SCHEMA = "CREATE TABLE t (id int PRIMARY KEY, v numeric, note text);\n"


def converted(folder: Path, script: str, *given: str) -> dict[str, str]:
    """Convert a script; return the files."""
    (folder / "mine.sql").write_text(script)
    (folder / "schema.sql").write_text(SCHEMA)
    return pgbench.convert([f"{folder}/mine.sql"], given=given, schema=folder / "schema.sql", name="")


def operations(folder: Path, script: str, *given: str) -> str:
    """Convert a script; return its operations.sql without the comment at the start."""
    return converted(folder, script, *given)["workloads/mine/operations.sql"].partition("-- mine.sql\n\n")[2]


def function(folder: Path, script: str, *given: str) -> str:
    """Convert a script; return its function in Python, without its first lines."""
    tree = ast.parse(converted(folder, script, *given)["workloads/mine/__init__.py"])
    (found,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "mine")
    return "\n".join(map(ast.unparse, found.body[1:]))


def written(folder: Path, files: dict[str, str]) -> Found:
    """Write a project; return its workload."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    (name,) = workload.names(folder / "workloads")
    return workload.load(folder / "workloads", name)


def calls(found: Found, number: int) -> list[Call]:
    """Return the first calls of a burst."""
    random = Random(1)  # noqa: S311 (reproducible on purpose)
    return list(islice(found.workload.burst(found.workload.cardinalities["typical"], "client", 0, random), number))


def test_settings_become_assignments_and_variables_parameters(tmp_path: Path) -> None:
    script = "\\set id random(1, 10 * :scale)\n\\set v :id / 2.0\nUPDATE t SET v = :v WHERE id = :id;\n"

    assert function(tmp_path, script) == (
        "id = pgbench.random_uniform(1, 10 * sizes.scale, random)\n"
        "v = id / 2.0\n"
        "yield Call('mine', {'v': pgbench.text(v), 'id': id})"
    )
    assert operations(tmp_path, script) == "-- name: mine\nUPDATE t SET v = :v::numeric WHERE id = :id;\n"


def test_what_is_between_begin_and_end_is_one_operation(tmp_path: Path) -> None:
    script = """
        SELECT 1;
        BEGIN ISOLATION LEVEL SERIALIZABLE;
        UPDATE t SET v = 1;
        INSERT INTO t VALUES (1);
        END;
        START TRANSACTION;
        DELETE FROM t;
        COMMIT;
    """

    assert operations(tmp_path, script) == (
        "-- name: mine_1\nSELECT 1;\n\n"
        "-- name: mine_2\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nUPDATE t SET v = 1;\n"
        "INSERT INTO t VALUES (1);\n\n"
        "-- name: mine_3\n-- transaction: 1\nDELETE FROM t;\n"
    )
    assert function(tmp_path, script) == (
        "yield Call('mine_1', {}, rows=0)\nyield Call('mine_2', {}, rows=2)\nyield Call('mine_3', {})"
    )


def test_the_calls_of_a_run_share_a_connection(tmp_path: Path) -> None:
    found = written(tmp_path, converted(tmp_path, "SELECT 1;\nSELECT 2;\n"))

    assert [(call.operation, call.key) for call in calls(found, 4)] == [
        ("mine_1", "0"),
        ("mine_2", "0"),
        ("mine_1", "1"),
        ("mine_2", "1"),
    ]


def test_the_number_of_a_client_goes_with_its_connection(tmp_path: Path) -> None:
    found = written(tmp_path, converted(tmp_path, "SELECT :client_id;\n"))

    assert [(call.values["client_id"], call.key) for call in calls(found, 9)] == [
        *((number, str(number)) for number in range(8)),
        (0, "0"),
    ]


def test_sleeps_become_pauses_where_they_are(tmp_path: Path) -> None:
    script = """
        \\set ms random(1, 5)
        \\sleep 1
        SELECT 1;
        \\sleep :ms ms
        BEGIN;
        SELECT 2;
        \\sleep 500us
        \\sleep 2 ms
        SELECT 3;
        \\sleep 10 ms
        END;
        \\sleep 0
        \\sleep 5 ms
    """

    assert operations(tmp_path, script) == (
        "-- name: mine_1\n-- pause: 1005 ms\nSELECT 1;\n\n"
        "-- name: mine_2\n-- pause: :ms ms\nSELECT 2;\n-- pause: 2500 us\nSELECT 3;\n-- pause: 10 ms\n"
    )
    assert "yield Call('mine_2', {'ms': ms}, rows=0)" in function(tmp_path, script)


def test_a_variable_that_is_set_again_has_another_name(tmp_path: Path) -> None:
    script = "\\set id 1\nBEGIN;\nSELECT :id;\n\\set id :id + 1\nSELECT :id;\nEND;\n"

    assert operations(tmp_path, script) == "-- name: mine\nSELECT :id;\nSELECT :id_2;\n"
    assert function(tmp_path, script) == "id = 1\nid_2 = id + 1\nyield Call('mine', {'id': id, 'id_2': id_2}, rows=0)"


def test_casts_texts_and_comments_stay_as_they_are(tmp_path: Path) -> None:
    script = (
        "\\set id 1\nSELECT :id::bigint, 'a:b', '12:30', E'\\\\', $$ :no. $$ /* :id */, \"c:id\" FROM t -- \\set :id\n;"
    )

    assert operations(tmp_path, script).startswith(
        "-- name: mine\nSELECT :id::bigint, 'a:b', '12:30', E'\\\\', $$ :no. $$"
    )


def test_a_statement_without_parameters_takes_literals(tmp_path: Path) -> None:
    script = "\\set s random(1, 5)\nSET statement_timeout = :s;\n"

    assert operations(tmp_path, script) == "-- name: mine\nSET statement_timeout = :'s';\n"


def test_a_backslash_ends_a_statement_as_a_semicolon_does(tmp_path: Path) -> None:
    assert operations(tmp_path, "SELECT 1\n\\set x 1\nSELECT 2 + :x") == (
        "-- name: mine_1\nSELECT 1;\n\n-- name: mine_2\nSELECT 2 + :x;\n"
    )


def test_a_command_goes_on_behind_a_backslash_at_the_end_of_its_line(tmp_path: Path) -> None:
    script = "\\set id \\\n random(1, \\\n 10) \\\r\n + 1\n\\sleep \\\n 2 ms\nSELECT :id;\n"

    assert function(tmp_path, script).startswith("id = pgbench.random_uniform(1, 10, random) + 1\n")
    assert operations(tmp_path, script) == "-- name: mine\n-- pause: 2 ms\nSELECT :id;\n"


def test_a_long_script_costs_no_place_of_what_is_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def place(*_: object) -> None:
        pytest.fail("a place costs a look at the whole script, and is for errors")

    monkeypatch.setattr(Text, "place", place)
    script = "".join(f"\\set x{n} random(1, 10)\nSELECT :x{n}, 'text';\n" for n in range(100))

    assert operations(tmp_path, script).count("-- name: ") == 100


def test_a_byte_order_mark_is_no_statement(tmp_path: Path) -> None:
    assert operations(tmp_path, "\ufeffSELECT 1;\n") == "-- name: mine\nSELECT 1;\n"


def test_names_that_python_has_are_changed(tmp_path: Path) -> None:
    script = "\\set class 1\n\\set random 2\n\\set 1st 3\nSELECT :class, :random;\n"

    assert function(tmp_path, script) == (
        "class_ = 1\nrandom_ = 2\n_1st = 3\nyield Call('mine', {'class': class_, 'random': random_}, rows=0)"
    )


def test_given_variables_are_fields_of_the_cardinality(tmp_path: Path) -> None:
    given = ("scale=3", "rate=0.5", "on=true", "word=abc", "nothing=null")
    found = written(tmp_path, converted(tmp_path, "\\set x :rate * :scale\nSELECT :x, :on, :word, :nothing;\n", *given))
    sizes = found.workload.cardinalities["typical"]
    (call,) = calls(found, 1)

    assert (sizes.scale, sizes.rate, sizes.on, sizes.word) == (3, 0.5, True, "abc")
    assert call.values == {"x": "1.5", "on": "true", "word": "abc", "nothing": None}


@pytest.mark.parametrize("number", ["1234567.5", "1.0010004", "-1e-7"])
def test_a_given_number_is_exact(tmp_path: Path, number: str) -> None:
    found = written(tmp_path, converted(tmp_path, "\\set y :x * 2\nSELECT :x, :y;\n", f"x={number}"))
    (call,) = calls(found, 1)

    assert found.workload.cardinalities["typical"].x == float(number)
    assert [float(call.values[name]) for name in ("x", "y")] == [float(number), 2 * float(number)]


@pytest.mark.parametrize(
    "word", ["007", "+5", "on", "f", "T", "1_000", "nan", "inf", "0x1p3", "12345678901234567890", "9" * 5000]
)
def test_what_pgbench_would_send_as_it_is_given_is_sent_so_and_is_in_no_expression(tmp_path: Path, word: str) -> None:
    (call,) = calls(written(tmp_path, converted(tmp_path, "SELECT :x;\n", f"x={word}")), 1)
    assert call.values == {"x": word}

    with pytest.raises(UsageError, match="What -D gives :x is a text, and an expression of pgbench has none") as caught:
        converted(tmp_path, "\\set y :x + 1\nSELECT :y;\n", f"x={word}")
    assert caught.value.where is not None
    assert (caught.value.where.line, caught.value.where.column) == (1, 8)


def test_a_script_may_have_the_name_of_a_function_of_python(tmp_path: Path) -> None:
    (tmp_path / "max.sql").write_text("\\set a random(1, 9)\n\\set b greatest(:a, 3)\nSELECT :b;\n")
    (tmp_path / "schema.sql").write_text(SCHEMA)
    files = pgbench.convert([f"{tmp_path}/max.sql"], given=(), schema=tmp_path / "schema.sql", name="mine")
    (call,) = calls(written(tmp_path, files), 1)

    assert 3 <= int(call.values["b"]) <= 9  # type: ignore[call-overload]


@pytest.mark.parametrize("script", ["\\set n :n + 1\nSELECT :n;\n", "SELECT :n;\n\\set n 2\n"])
def test_a_variable_that_is_kept_from_run_to_run_is_refused(tmp_path: Path, script: str) -> None:
    with pytest.raises(UsageError, match="pgbench keeps :n from run to run") as caught:
        converted(tmp_path, script, "n=0")

    assert caught.value.where is not None
    assert caught.value.where.line == 1


def test_a_given_variable_may_be_set_again_before_it_is_taken(tmp_path: Path) -> None:
    assert operations(tmp_path, "\\set n 1\nSELECT :n;\n", "n=0") == "-- name: mine\nSELECT :n;\n"


def test_scripts_are_drawn_by_weight(tmp_path: Path) -> None:
    files = pgbench.convert(
        ["tpcb-like@1", "select-only@9", "simple-update@0"], given=["scale=2"], schema=None, name="mix"
    )
    found = written(tmp_path, files)
    made = calls(found, 10_000)
    shares = {name: sum(call.operation == name for call in made) / len(made) for name in ("tpcb_like", "select_only")}

    assert shares["tpcb_like"] + shares["select_only"] == 1
    assert shares["tpcb_like"] == pytest.approx(0.1, abs=0.01)
    assert {*found.operations} >= {"tpcb_like", "select_only", "simple_update"}


def test_two_scripts_of_one_name_are_two_operations() -> None:
    files = pgbench.convert(["select-only@1", "select-only@2"], given=[], schema=None, name="twice")

    assert re.findall("-- name: (select.*)", files["workloads/twice/operations.sql"]) == [
        "select_only",
        "select_only_2",
    ]


def test_no_operation_has_the_name_of_one_of_another_script(tmp_path: Path) -> None:
    (tmp_path / "tx.sql").write_text("SELECT 1;\nSELECT 2;\n")
    (tmp_path / "tx_2.sql").write_text("SELECT 3;\n")
    files = pgbench.convert(
        [f"{tmp_path}/tx.sql", f"{tmp_path}/tx_2.sql"], given=[], schema=Path(__file__), name="both"
    )

    names = re.findall("-- name: (.*)", files["workloads/both/operations.sql"])
    assert names == ["tx_1", "tx_2", "tx_2_2"]


@pytest.mark.parametrize("name", ["burst", "class", "Tellers", "1st order"])
def test_a_script_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.sql").write_text("\\set client 1\n\\set Call 2\nSELECT :client, :Call;\n")
    files = pgbench.convert([f"{tmp_path}/{name}.sql", "tpcb"], given=[], schema=Path(__file__), name="any")
    found = written(tmp_path / "project", files)

    assert {call.key for call in calls(found, 10)} == {None}


@pytest.mark.parametrize("name", builtins.SCRIPTS)
def test_builtin_scripts_are_those_of_pgbench(name: str) -> None:
    assert builtins.script(name) == pgbench_program.builtin(name)


def test_the_beginning_of_a_builtin_name_suffices() -> None:
    assert "workloads/tpcb_like/__init__.py" in pgbench.convert(["tpcb"], given=[], schema=None, name="")


def test_written_projects_are_read_as_annotated_sql(tmp_path: Path) -> None:
    files = pgbench.convert([*builtins.SCRIPTS], given=[], schema=None, name="")
    found = written(tmp_path, files)

    for candidate in ("baseline", "room_on_pages"):
        sqlfile.read(tmp_path / "schemas" / found.workload.name / f"{candidate}.sql", UsageError)


REFUSED = {
    "SELECT 1;\n\\if :scale > 1\n": (2, 1, r"\if cannot be converted: branches are not converted"),
    "\\elif 1\n": (1, 1, r"\elif cannot be converted"),
    "\\else\n": (1, 1, r"\else cannot be converted"),
    "\\endif\n": (1, 1, r"\endif cannot be converted"),
    "SELECT 1 AS x \\gset\n": (1, 15, r"\gset cannot be converted: values from a query's answer"),
    "SELECT 1 AS x \\aset p_\n": (1, 15, r"\aset cannot be converted"),
    "\n  \\setshell x date\n": (2, 3, r"\setshell cannot be converted: a measurement executes no programs"),
    "\\shell date\n": (1, 1, r"\shell cannot be converted"),
    "\\startpipeline\nSELECT 1;\n\\endpipeline\n": (1, 1, r"\startpipeline cannot be converted"),
    "SELECT 1 \\; SELECT 2;": (1, 10, r"\; cannot be converted"),
    "\\sett x 1\n": (1, 1, r"pgbench has no \sett; did you mean 'set'?"),
    "\\set x\n": (1, 1, r"\set has no name and expression"),
    "\\set x foo(1)\n": (1, 8, "The expression 'foo(1)' cannot be converted: pgbench has no function 'foo'"),
    "\\set x 1 + :y\n": (1, 12, "Nothing sets :y before this line"),
    "\\sleep soon\n": (1, 1, r"\sleep soon is no time"),
    "\\sleep :y ms\nSELECT 1;": (1, 1, "Nothing sets :y before this line"),
    "\\set ms 1\nSELECT 1;\n\\sleep :ms ms\n\\sleep 1 ms\n": (4, 1, "Two pauses follow each other"),
    "SELECT :id;\n": (1, 8, "Nothing sets :id before this line"),
    "\\set id 1\nSELECT ':id';\n": (2, 9, "pgbench writes the value of :id into this text"),
    "\\set id 1\nSELECT * FROM t_:id;\n": (2, 17, "pgbench writes the value of :id into a name"),
    "\\set id 1\nSELECT :'id';\n": (2, 8, "pgbench has no :'id', which is psql's"),
    "BEGIN;\nSELECT 1;\n": (1, 1, "BEGIN has no END in this script"),
    "BEGIN;\nBEGIN;\n": (2, 1, "A transaction begins within another"),
    "BEGIN;\nEND;\n": (2, 1, "END ends a transaction without a statement"),
    "SELECT 1;\nEND;\n": (2, 1, "END ends no transaction"),
    "BEGIN;\nSELECT 1;\nROLLBACK;\n": (3, 1, "ROLLBACK cannot be converted: an operation ends with a commit"),
    "COPY t FROM STDIN;\n": (1, 1, "pgbench cannot copy"),
    "SELECT 'abc;\n": (1, 8, "Postgres cannot read this SQL: unterminated quoted string"),
    "\\set x 1\n": (1, 1, "mine.sql executes no statement"),
    "\\set x 1 + \\\n  nothing(1)\n": (2, 3, "The expression '1 +"),
    f"\\set x 1{' + random(1, 2)' * 3_000}\n": (
        1,
        8,
        f"The expression '1{' + random(1, 2)' * 5} + r ...' cannot be converted: it is nested",
    ),
    f"\\set x {'abs(' * 3_000}1{')' * 3_000}\n": (1, 8, "The expression 'abs("),
    "SELECT 1;\n\0SELECT 2;\n": (2, 1, "PATH contains a NUL character"),
}


@pytest.mark.parametrize("script", REFUSED)
def test_what_is_not_converted_is_refused_with_its_place(tmp_path: Path, script: str) -> None:
    line, column, said = REFUSED[script]

    with pytest.raises(UsageError) as caught:
        converted(tmp_path, script)

    assert caught.value.what.startswith(said.replace("PATH", f"{tmp_path}/mine.sql"))
    assert caught.value.where is not None
    assert (caught.value.where.path, caught.value.where.line) == (tmp_path / "mine.sql", line)
    assert caught.value.where.column == column


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--pgbench", "tpcb-likes"], "did you mean 'tpcb-like'?"),
        (["--pgbench", "tpcb-like@x"], "--pgbench tpcb-like@x has no weight behind the @"),
        (["--pgbench", "a@b.sql"], "write a weight behind a name with an @, too: --pgbench a@b.sql@1"),
        (["--pgbench", "tpcb-like@9999999999"], "write a whole number up to 2,147,483,647"),
        (["--pgbench", "@3"], "--pgbench '@3' names no script"),
        (["--pgbench", "tpcb-like@0"], "All scripts have a weight of 0"),
        (["--pgbench", "tpcb-like", "-D", "scale"], "-D scale sets no variable"),
        (["--pgbench", "tpcb-like", "-D", "__x=1"], "'__x' can be no field in Python"),
        (["--pgbench", "tpcb-like", "-D", "scale=0"], "a scale is a whole number from 1"),
        (
            ["--pgbench", "tpcb", "--from", "postgresql://localhost/x", "--schema", "x.sql"],
            "--from and --schema both say",
        ),
        (
            ["--pgbench", "tpcb", "--from", "postgresql://localhost/x", "--statements", "3"],
            "--statements and --pgbench both say which statements",
        ),
        (
            ["--pgbench", "tpcb-like", "--from", "postgresql://localhost/x", "--from-log", "a.json"],
            "--from-log and --pgbench both say which statements",
        ),
        (["--pgbench", "tpcb-like", "--schema", "nowhere.sql"], "nowhere.sql cannot be read"),
        (["--pgbench", "tpcb-like", "--rows", "1%"], "--rows is about a live database"),
        (["-D", "scale=1"], "-D is about scripts of pgbench"),
        (["--schema", "x.sql"], "--schema is about scripts of pgbench"),
        (["--name", "x"], "--name is about a project of your own"),
    ],
)
def test_arguments_that_cannot_be_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.main(["init", str(tmp_path / "project"), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "project").exists()


def test_a_script_of_ones_own_needs_a_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.sql").write_text("SELECT 1;")

    assert cli.main(["init", str(tmp_path / "project"), "--pgbench", str(tmp_path / "mine.sql")]) == 2
    assert "mine.sql needs the schema of its tables" in capsys.readouterr().err
