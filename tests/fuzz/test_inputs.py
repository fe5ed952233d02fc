"""Whatever a file, a DSN or an option holds, it is taken or answered in words: no traceback, no hang, bounded memory.

Each test makes 25 inputs; `tox run -e fuzz` makes 10,000. Inputs that were answered badly have tests of their own.
"""

import gzip
import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import documents, texts

from schemabench import candidate, cardinality, cli, pgbench, report, sqlfile, workload
from schemabench.errors import SchemabenchError, UsageError, WorkloadError
from schemabench.experiment import Feed, check_inputs
from schemabench.logs import Spool
from schemabench.logs import read as read_logs
from schemabench.noise import reading
from schemabench.options import Options
from schemabench.server.dsn import describe, parse_dsn, without_secrets

ROOT = Path(__file__).parents[2]
MOST_BYTES = 1 << 30
"""Memory that a test may take, in addition to what it has when it begins."""
LONGEST_MS = 20_000
"""No input may take longer, on a busy machine either."""
fuzz = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "25")),
    deadline=LONGEST_MS,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """Have memory beyond the bound refused, which is a MemoryError and fails the test."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def answered() -> Iterator[None]:
    """Let errors pass that are worded for a user."""
    said = "taken"
    try:
        yield
    except SchemabenchError as error:
        said = str(error)
    assert said.strip()


@cache
def sources(*patterns: str) -> list[bytes]:
    """Return the files of the repository that match."""
    found = [path.read_bytes() for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    assert found
    return found


def put(folder: Path, name: str, content: bytes) -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(content)
    return path


@fuzz
@given(content=texts(sources("schemas/*/*.sql", "tests/mutants/*/*.sql")))
def test_candidates(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    put(folder, "baseline.sql", b"CREATE TABLE t (a int);\n")
    put(folder, "other.sql", content)

    with answered():
        for one in candidate.find(folder).values():
            candidate.operations(one, {})


@fuzz
@given(content=texts(sources("workloads/*/operations.sql", "src/schemabench/starter/**/*.sql")))
def test_operations(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = put(tmp_path_factory.getbasetemp(), "operations.sql", content)

    with answered():
        for operation in sqlfile.read(path, WorkloadError).operations.values():
            for statement in operation.statements:
                with answered():
                    statement.render({"set": "a", "ghost": "b"}, WorkloadError)


@cache
def runs() -> list[Any]:
    """Return small run files, as JSON reads them."""
    names = ("throughput_only.json", "map.json", "every_pair.json")
    return [msgspec.json.decode((ROOT / "tests" / "truth" / "run_files" / name).read_bytes()) for name in names]


@fuzz
@given(content=documents(runs))
def test_run_files(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = put(tmp_path_factory.getbasetemp(), "run.json", content)

    with answered():
        report.terminal(report.read(path))


@fuzz
@given(content=texts(sources("tests/truth/run_files/throughput_only.json")))
def test_run_files_that_are_no_json(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()

    with answered():
        report.read(put(folder, "run.json", content))
    with answered():
        report.read(put(folder, "run.json.gz", gzip.compress(content)[: len(content) // 4]))


@fuzz
@given(content=texts(sources("workloads/*/cardinalities.json")))
def test_frozen_cardinalities(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = put(tmp_path_factory.getbasetemp(), "cardinalities.json", content)

    with answered():
        for name, frozen in cardinality.read(path).items():
            with answered():
                cardinality.thaw(path, "usage", name, frozen, type(found("usage").workload.cardinalities["typical"]))


@cache
def found(name: str) -> workload.Found:
    """Return a workload of the repository."""
    return workload.load(ROOT / "workloads", name)


@cache
def tables() -> list[bytes]:
    """Return cardinalities as files to edit."""
    return [workload.as_toml(found(name), "typical").encode() for name in ("usage", "votes")]


@fuzz
@given(content=texts(tables()))
def test_cardinalities_from_files(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = put(tmp_path_factory.getbasetemp(), "mine.toml", content)

    with answered():
        workload.with_files(found("usage"), [str(path)])


REPLAYED = {
    "usage": b"base,name,date,trips,vehicles\nB02512,Unter,2015-01-01,1132,190\nB02765,Grun,2015-01-01,1765,225\n",
    "pageviews": b"en Main_Page 242332 4737756101\nde.m Wikipedia:Hauptseite 10 0\nfr %C3%89t%C3%A9 3 0\n",
    "clickstream": b'{"time":"2015-09-12T00:47:00.496Z","channel":"#en.wikipedia","user":"GELongstreet","page":"A"}\n',
    "access_log": b'83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a.png HTTP/1.1" 200 203023 "-" "Mozilla"\n',
}
"""Workload -> a file to replay."""


@pytest.mark.parametrize("name", REPLAYED)
@fuzz
@given(data=st.data())
def test_files_to_replay(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    content = data.draw(texts([REPLAYED[name] * 20, gzip.compress(REPLAYED[name] * 20)]))
    path = put(tmp_path_factory.getbasetemp(), "replayed", content)
    one = found(name)

    with answered():
        check_inputs(one, {name: path})
        feed = Feed(one, one.workload.cardinalities["typical"], 1, {name: path})
        assert one.workload.replay
        list(feed.take(one.workload.replay.writer, 0, 40))


LOGGED = (
    b'2026-11-29 12:00:00.000 UTC,"app","shop",7,"[local]",692ae1c0.7,%d,"SELECT",2026-11-29 11:00:00 UTC,3/1,0,LOG,'
    b'00000,"duration: 0.1 ms  execute s: SELECT * FROM t WHERE a = $1 AND b IN ($2, $3)",'
    b"\"Parameters: $1 = '1', $2 = 'it''s', $3 = NULL\",,,,,,,,\"app\",\"client backend\",,0\n"
)
LOGGED_AS_JSON = (
    b'{"timestamp":"2026-11-29 12:00:00.000 UTC","user":"app","dbname":"shop","pid":7,"session_id":"692ae1c0.7",'
    b'"line_num":%d,"ps":"UPDATE","session_start":"2026-11-29 11:00:00 UTC","error_severity":"LOG",'
    b"\"message\":\"duration: 0.2 ms  statement: UPDATE t SET a = E'x\\\\n', b = -1.5 WHERE c = 'y'\","
    b'"backend_type":"client backend"}\n'
)


@fuzz
@given(content=texts([b"".join(line % number for number in range(1, 9)) for line in (LOGGED, LOGGED_AS_JSON)]))
def test_logs(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = put(tmp_path_factory.getbasetemp(), "server.log", content)

    with answered(), Spool() as spool:
        read_logs([path], "shop", spool)


SCRIPT = (
    b"\\set aid random(1, 100000 * :scale)\n\\set delta random_gaussian(-5000, 5000, 2.5)\n"
    b"BEGIN;\nUPDATE t SET a = a + :delta WHERE b = :aid;\n\\sleep 10 ms\nSELECT a FROM t WHERE b = :aid;\nEND;\n"
)


@fuzz
@given(content=texts([SCRIPT]))
def test_scripts_of_pgbench(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    schema = put(folder, "schema.sql", b"CREATE TABLE t (a int, b int);\n")

    with answered():
        pgbench.convert([str(put(folder, "script.sql", content))], given=["scale=1"], schema=schema, name="script")


@cache
def models() -> list[Any]:
    """Return a small model of other tenants, as JSON reads it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.json"
        assert cli.main(["noise", "model", "--orgs", "1", "--sample", "-o", str(path)]) == 0
        return [msgspec.json.decode(path.read_bytes())]


@fuzz
@given(content=documents(models))
def test_models_of_noise(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    with answered():
        reading.read(put(tmp_path_factory.getbasetemp(), "noise.json", content))


@fuzz
@given(
    text=texts(
        [
            b"postgresql://bench:secret@127.0.0.1:5432/postgres?sslmode=require&connect_timeout=3",
            b"postgres://u%20v:p%40ss@[::1]:5433,host2:5434/db?target_session_attrs=any",
            b"host=/tmp port=5432 user=bench password='se cret' dbname=db options='-c a=b'",
            b"service=mine",
        ]
    ).map(lambda content: content.decode("utf-8", "surrogateescape"))
)
def test_dsns(text: str) -> None:
    with answered():
        conninfo = parse_dsn(text)
        describe(conninfo)
        without_secrets(f"cannot reach {text}", conninfo)


VALUES = [b"45s", b"2min", b"10%", b"off", b"usage=FILE", b"pageviews=2016-09-01T00..2016-09-02", b"1ms", b"8", b"a,b"]


@pytest.mark.parametrize("option", fields(Options), ids=lambda one: str(one.name))
@settings(fuzz, max_examples=fuzz.max_examples // 5)
@given(data=st.data())
def test_options(option: Any, data: st.DataObject) -> None:  # noqa: ANN401 (a field of any type)
    text = data.draw(texts([*VALUES, option.metadata["text"].encode()])).decode("utf-8", "replace")

    with answered(), suppress(ValueError):
        option.metadata["parse"](text)


def test_a_dsn_that_is_no_unicode_is_malformed() -> None:
    with pytest.raises(UsageError, match="it is not UTF-8"):
        parse_dsn("postgresql://\udcff@127.0.0.1/postgres")


def test_a_word_of_a_run_file_that_is_no_unicode_is_malformed(tmp_path: Path) -> None:
    content = sources("tests/truth/run_files/map.json")[0]
    changed = content.replace(b'"source":"', b'"source":"\\ud800', 1)
    assert changed != content

    with pytest.raises(UsageError, match="is malformed"):
        report.read(put(tmp_path, "run.json", changed))


def test_frozen_cardinalities_that_are_nested_without_end_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match="cannot be used"):
        cardinality.read(put(tmp_path, "cardinalities.json", b"[" * 20_000))


@pytest.mark.parametrize("value", [b"[" * 20_000, b"9" * 5_000], ids=["nested", "digits"])
def test_a_file_of_cardinalities_with_a_value_without_end_cannot_be_used(tmp_path: Path, value: bytes) -> None:
    content = tables()[0].replace(b'workload = "usage"', b"workload = " + value)

    with pytest.raises(UsageError, match=r"mine\.toml cannot be used"):
        workload.with_files(found("usage"), [str(put(tmp_path, "mine.toml", content))])


def test_a_logged_statement_with_a_nul_is_left_out(tmp_path: Path) -> None:
    content = (LOGGED % 1) + (LOGGED % 2).replace(b"IN ($2, $3)", b"IN\0 ($2, $3)")

    with Spool() as spool:
        found = read_logs([put(tmp_path, "server.log", content)], "shop", spool)

    assert sum(found.left_out.values()) == 1


def test_a_number_of_a_script_with_thousands_of_digits_is_too_large(tmp_path: Path) -> None:
    script = put(tmp_path, "script.sql", b"\\set a " + b"9" * 5_000 + b"\nSELECT :a;\n")
    schema = put(tmp_path, "schema.sql", b"CREATE TABLE t (a int);\n")

    with pytest.raises(UsageError, match="9 is too large a number"):
        pgbench.convert([str(script)], given=[], schema=schema, name="script")
