"""Models of noise: the same bytes from the same things, checked files, and schedules that wait for nobody."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from schemabench import cli
from schemabench.errors import UsageError
from schemabench.noise import datamodel, making, reading, running
from schemabench.noise import model as models
from schemabench.noise.entities import ENTITIES, size
from schemabench.noise.model import Model

SHIPPED = Path(str(datamodel.SHIPPED))
Change = Callable[[dict[str, Any]], object]


def _made(organisations: int, seed: int = making.SEED) -> Model:
    return making.make(datamodel.load(None, sample=True), seed=seed, organisations=organisations)


def test_bytes_of_the_sample_are_pinned() -> None:
    digest = sha256(models.dumped(_made(10))).hexdigest()

    assert digest == "edb4807710d028a3a76be3c5708234225a1132d32b1ea16b888dd6742251e754"


def test_bytes_of_the_full_model_are_pinned() -> None:
    model = making.make(datamodel.load(None), seed=1, organisations=2)

    assert (
        sha256(models.dumped(model)).hexdigest() == "c03760b67cc4fde5cbd0d2dfa46d88030eb9d66ba5714fc224927edbb837bd4e"
    )


def test_more_organisations_keep_the_first_ones() -> None:
    fewer, more = _made(10), _made(20)

    assert more.organisations[:10] == fewer.organisations
    lines, others = models.dumped(fewer).splitlines(), models.dumped(more).splitlines()
    assert [line.rstrip(b",") for line in lines[:-2]] == [line.rstrip(b",") for line in others[: len(lines) - 2]]


def test_copy_of_a_data_model_gives_the_same_bytes(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "sample", tmp_path / "another name")

    copied = making.make(datamodel.load(tmp_path / "another name"), seed=making.SEED, organisations=3)

    assert models.dumped(copied) == models.dumped(_made(3))


def test_other_seeds_give_other_towns() -> None:
    assert _made(3, seed=1).organisations != _made(3, seed=2).organisations


def test_file_is_read_as_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "noise.json"
    path.write_bytes(models.dumped(_made(5)))

    assert reading.read(path) == _made(5)
    assert reading.read(path).digest == sha256(path.read_bytes()).hexdigest()


def test_rows_are_as_many_as_counted_in_order_and_of_their_own() -> None:
    model = _made(5)

    for entity in ENTITIES.values():
        rows = [row for one in model.organisations for row in entity.rows(model, one)]
        keys = [row[: len(entity.key)] for row in rows]
        assert len(rows) == sum(entity.count(one) for one in model.organisations) > 0
        assert all(one < other for one, other in pairwise(keys))
        assert {len(row) for row in rows} == {len(entity.columns)}
    assert size(model) == sum(size_of for size_of in map(_rows_of, model.organisations))


def _rows_of(one: models.Organisation) -> int:
    return sum(entity.count(one) for entity in ENTITIES.values())


def test_files_name_what_made_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "noise.json"
    assert cli.main(["noise", "model", "--seed", "5", "--orgs", "2", "--sample", "-o", str(path)]) == 0
    assert "2 organisations" in capsys.readouterr().out

    content = json.loads(path.read_bytes())
    assert (content["format"], content["seed"]) == (1, 5)
    files = {name: sha256((SHIPPED / "sample" / name).read_bytes()).hexdigest() for name in content["data_model"]}
    assert content["data_model"] == files
    assert len(files) == len(datamodel.TABLES)


def _job(content: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in content["organisations"][0]["jobs"] if one["labels"])


WRONG: dict[str, tuple[Change, str]] = {
    "version": (lambda m: m.update(format=2), "has format 2; this version of schemabench reads format 1"),
    "no version": (lambda m: m.pop("format"), "it has no `format`"),
    "true": (lambda m: m.update(format=True), "$.format: Expected `int`, got `bool`"),
    "seed": (lambda m: m.update(seed=1 << 63), "$.seed: Expected `int` <= "),
    "unknown": (lambda m: m.update(x=1), "$: Object contains unknown field `x`"),
    "no variables": (lambda m: m.update(variables={}), "$.variables: engine_address is missing"),
    "variable": (lambda m: m["variables"].update(engine="x"), "$.variables.engine: there is no such variable"),
    "nul": (lambda m: m["variables"].update(engine_address="a\0"), "$.variables.engine_address: 'a\\x00' is not"),
    "entity": (lambda m: m["tolerances"].update(job={}), "$.tolerances.job: there is no such entity; did you mean"),
    "column": (lambda m: m["tolerances"]["jobs"].update(columns=["run"]), "$.tolerances.jobs.columns: jobs has no"),
    "order": (lambda m: m["organisations"].reverse(), "$.organisations[1].id: 2 does not ascend"),
    "twice": (lambda m: m["organisations"].append(m["organisations"][2]), "$.organisations[3].id: 3 does not ascend"),
    "too many": (lambda m: m["organisations"][2].update(id=10**6), "$.organisations[2].id: 1000000 does not"),
    "foreign": (lambda m: m["organisations"][0]["users"][0].update(id=2_000_000), "$.organisations[0].users[0].id:"),
    "float": (lambda m: m["organisations"][0].update(size=1.5), "$.organisations[0].size: Expected `int`, got `float`"),
    "negative": (lambda m: m["organisations"][0].update(size=-1), "$.organisations[0].size: Expected `int` >= 0"),
    "audits": (
        lambda m: m["organisations"][0]["users"][0].update(audits=10**6),
        "users[0].audits: Expected `int` <= ",
    ),
    "text": (lambda m: m["organisations"][0].update(name="a\0"), "$.organisations[0].name: Expected `str` matching"),
    "no users": (lambda m: m["organisations"][0].pop("users"), "$.organisations[0]: Object missing required field"),
    "pipeline": (lambda m: _job(m).update(pipeline=1), "].pipeline: 1 is none of the organisation's pipelines"),
    "engine": (lambda m: _job(m).update(engine=1), "].engine: 1 is none of the organisation's engines"),
    "owner": (lambda m: _job(m).update(owner=1), "].owner: 1 is none of the organisation's users"),
    "labels": (lambda m: _job(m).update(labels=[1]), "].labels: not all of them are the organisation's labels"),
    "label twice": (lambda m: _job(m).update(labels=_job(m)["labels"] * 2), "].labels: they do not ascend"),
    "kind": (lambda m: _job(m).update(kind="x"), "].kind: Invalid enum value 'x'"),
    "state": (lambda m: _job(m).update(state="x"), "].state: Invalid enum value 'x'"),
    "pause": (lambda m: _job(m).update(every_s=0), "].every_s: Expected `int` >= 1"),
    "offset": (lambda m: _job(m).update(offset_s=10**8), "].offset_s: 100000000 is not less than every_s"),
    "long ago": (lambda m: _job(m).update(every_s=31_536_000, history=1001), "].history: 1,001 runs took more than"),
}


@pytest.mark.parametrize("name", WRONG)
def test_file_that_was_edited_wrongly_is_refused_with_the_path(name: str, tmp_path: Path) -> None:
    change, words = WRONG[name]
    content = json.loads(models.dumped(_made(3)))
    change(content)
    path = tmp_path / "noise.json"
    path.write_text(json.dumps(content))

    with pytest.raises(UsageError) as caught:
        reading.read(path)

    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"format": 1, "x": ' + b"[" * 100_000, b'{"format": 1, "name": "\\ud800"}', b"1"],
    ids=["empty", "broken", "list", "not UTF-8", "deep", "surrogate", "number"],
)
def test_file_that_is_no_json_object_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "noise.json"
    path.write_bytes(content)

    with pytest.raises(UsageError, match="is not a JSON object"):
        reading.read(path)


def test_a_text_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.json"
    path.write_bytes(models.dumped(_made(2)).replace(b'"name":"', b'"name":"Caf\xe9', 1))

    with pytest.raises(UsageError, match=r"noise\.json is not a JSON object: Invalid UTF-8"):
        reading.read(path)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        reading.read(tmp_path / "nowhere.json")
    with pytest.raises(UsageError, match="Is a directory"):
        reading.read(tmp_path)


FILES: dict[str, tuple[str, bytes | None, str]] = {
    "missing": ("users", None, "Cannot read {}: No such file or directory"),
    "not UTF-8": ("users", b"\xff", "{} is not TOML in UTF-8: 'utf-8' codec can't decode byte 0xff in position 0"),
    "not TOML": ("users", b"x", "{} is not TOML in UTF-8: Expected '='"),
    "deep": ("users", b"x = " + b"[" * 100_000, "{} is not TOML in UTF-8: maximum recursion depth"),
    "digits": ("users", b"x = " + b"9" * 5_000, "{} is not TOML in UTF-8: Exceeds the limit"),
    "exponent": ("users", b"x = 1e9999999999999999999", "{} is not TOML in UTF-8: 1e9999999999999999999 is too large"),
    "empty": ("users", b"", "{}: $: Object missing required field `count`"),
    "unknown": ("labels", b'[count]\ndistribution = "zip"', "{}: $.count.distribution: there is no distribution 'zip'"),
    "words": (
        "labels",
        b'[count]\ndistribution = "choice"',
        "{}: $.count.distribution: 'choice' does not draw numbers",
    ),
    "negative": ("labels", b'[count]\ndistribution = "constant"\nvalue = -1', "{}: $.count.value: Expected `int` >= 0"),
    "part": ("labels", b'[count]\ndistribution = "constant"\nvalue = 1.5', "{}: $.count.value: Expected `int`, got"),
    "order": (
        "organisations",
        b'[size]\ndistribution = "uniform"\nlow = 2\nhigh = 1',
        "{}: $.size: low (2) is larger than high (1)",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_data_model_that_is_wrong_is_refused_with_file_and_path(name: str, tmp_path: Path) -> None:
    table, content, words = FILES[name]
    folder = tmp_path / "own"
    shutil.copytree(SHIPPED / "sample", folder)
    path = folder / f"{table}.toml"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        datamodel.load(folder)

    assert words.format(path) in str(caught.value)


@pytest.mark.parametrize(
    ("table", "old", "new", "words"),
    [
        ("jobs", "ingest =", "ingst =", "$.kind.weights: a job has no kind 'ingst'; did you mean 'ingest'?"),
        ("jobs", "[60, 60,", "[60, 40000000,", "$.every_s: numbers up to 40,000,000, which is more than 31,536,000"),
    ],
)
def test_data_model_that_no_model_could_hold_is_refused(
    table: str, old: str, new: str, words: str, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    shutil.copytree(SHIPPED / "full", folder)
    path = folder / f"{table}.toml"
    path.write_text(path.read_text().replace(old, new))

    with pytest.raises(UsageError) as caught:
        datamodel.load(folder)

    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["full", "sample"])
def test_data_models_of_the_package_come_back_as_written(name: str, tmp_path: Path) -> None:
    data = datamodel.load(SHIPPED / name)
    for table in datamodel.TABLES:
        (tmp_path / f"{table}.toml").write_text(datamodel.dumped(getattr(data, table)))

    again = datamodel.load(tmp_path)

    assert all(getattr(again, table) == getattr(data, table) for table in datamodel.TABLES)


def test_runs_are_due_by_the_schedule_of_their_jobs_alone() -> None:
    model = _made(5)
    runs = list(islice(running.schedule(model, 2.0), 500))

    assert [one.due_s for one in runs] == sorted(one.due_s for one in runs)
    for organisation, job in running.jobs(model):
        due_s = [one.due_s for one in runs if one.job == job]
        assert due_s == pytest.approx([(job.offset_s + n * job.every_s) / 2.0 for n in range(len(due_s))])
        assert {one.organisation for one in runs if one.job == job} <= {organisation}
    assert {one.job.state for one in runs} == {"active"}
    again = list(islice(running.schedule(model, 2.0), 500))
    assert [(one.due_s, one.job.id) for one in again] == [(one.due_s, one.job.id) for one in runs]


def test_pace_and_connections_follow_from_the_schedule() -> None:
    model = _made(5)
    runs = list(islice(running.schedule(model, 1000.0), 5_000))

    assert len(runs) / runs[-1].due_s == pytest.approx(running.pace(model, 1000.0), rel=0.1)
    assert running.connections(model, 1.0) == 2
    assert running.connections(model, 1e9) == 32


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["model", "--orgs", "0", "-o", "x"], "'0' is not a whole number from 1 to 999,999"),
        (["model", "--seed", "-1", "-o", "x"], "'-1' is not a whole number from 0"),
        (["model"], "required: -o"),
        (["run", "x", "--speed", "0"], "'0' is not a positive number"),
        (["run", "x", "--for", "soon"], "soon"),
        (["populate", "x", "--set", "name"], "'name' is not NAME=VALUE"),
        (["populate", "postgresql://me:hunter2@host/db"], "it is a connection string, not a path"),
        (["drop", "postgresql://me:hunter2@host/db"], "unrecognized arguments: postgresql://me:***@host/db"),
    ],
)
def test_argument_that_cannot_be_is_refused(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["noise", *words])

    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert reason in said
    assert "hunter2" not in said


@pytest.mark.parametrize("verb", ["model", "fit", "populate", "verify", "run", "drop"])
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["noise", verb, "--help"])

    assert caught.value.code == 0
    assert f"usage: schemabench noise {verb}" in capsys.readouterr().out


def test_file_that_cannot_be_written_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["noise", "model", "--orgs", "999999", "-o", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err


def test_value_of_a_variable_must_be_text_that_can_be_stored() -> None:
    with pytest.raises(UsageError, match="is not printable text"):
        models.with_variables(_made(1), {"engine_address": "a\udcff"})
