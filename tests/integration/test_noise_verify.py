"""What verifying a ghost town finds, and tolerates; mappings; data models that are fitted."""

import json
import re
from pathlib import Path

import pytest
from towns import Said, Towns

from schemabench.noise.entities import ENTITIES

MAPPING = """\
-- name: users_fill
INSERT INTO public.people (number, tenant, who, what)
SELECT id, organisation, name, role FROM :"ghost".users WHERE organisation BETWEEN :first AND :last;

-- name: users_read
SELECT number AS id, tenant AS organisation, who AS name, what AS role
FROM public.people WHERE number < 1000000000; -- theirs are above

-- name: users_remove
DELETE FROM public.people USING :"ghost".users WHERE number = id;
"""
PEOPLE = "CREATE TABLE public.people (number numeric, tenant bigint, who text, what text)"
STRANGER = "INSERT INTO public.people VALUES (1000000007, 7, 'ann', 'boss')"


def _counts(said: Said) -> dict[str, dict[str, int]]:
    """Return table -> what is counted -> its number."""
    head, _, *lines = said.out.split("\n\n")[0].splitlines()
    names = head.split()
    rows = (re.split(r"\s{2,}", line.strip()) for line in lines)
    return {
        name: {one: int(n.replace(",", "")) for one, n in zip(names, numbers, strict=True)} for name, *numbers in rows
    }


@pytest.fixture
def model(towns: Towns) -> Path:
    """Return a model whose town is there."""
    path = towns.model(2)
    towns.do("populate", path)
    return path


def test_town_is_exact_after_populate(towns: Towns, model: Path) -> None:
    said = towns.say("verify", model, "--exact")

    assert said.status == 0
    counts = _counts(said)
    assert counts.keys() == ENTITIES.keys()
    assert all(one["rows"] == one["equal"] > 0 for one in counts.values())
    assert all(one[kind] == 0 for one in counts.values() for kind in ("missing", "extra", "different", "changed"))


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ("DELETE FROM ghost.job_labels", "job_labels missing", "  job 100000"),
        ("DELETE FROM ghost.runs WHERE run = 1", "runs missing", "run 1, started_at"),
        ("INSERT INTO ghost.labels VALUES (5, 1, 'own')", "labels extra", "id 5, organisation 1, name 'own'"),
        (
            "UPDATE ghost.users SET role = 'king' WHERE id = 1000000",
            "users different",
            "id 1000000: role is 'king', not",
        ),
        ("UPDATE ghost.jobs SET every_s = 7 WHERE id = 1000000", "jobs different", "id 1000000: every_s is 7, not"),
        ("UPDATE ghost.jobs SET runs = 0, state = '' WHERE id = 1000000", "jobs different", "state is ''"),
    ],
    ids=["missing", "history", "extra", "different", "schedule", "both"],
)
def test_a_row_that_differs_is_found(towns: Towns, model: Path, change: str, place: str, words: str) -> None:
    towns.change(change)

    said = towns.say("verify", model)

    assert said.status == 1
    assert words in said.out
    assert said.out.endswith("The database differs from the model\n")
    counts, (table, kind) = _counts(said), place.split()
    assert counts[table][kind] > 0
    assert {name for name, one in counts.items() if one["equal"] != one["rows"] or one["extra"]} == {table}


def test_what_jobs_change_is_tolerated_unless_nothing_is(towns: Towns, model: Path) -> None:
    towns.do("run", model, "--for", "500ms", "--speed", "300")

    said = towns.say("verify", model)

    assert said.status == 0, said.out
    counts = _counts(said)
    assert counts["jobs"]["changed"] > 0
    assert counts["runs"]["extra"] == counts["audits"]["extra"] > 0
    assert "as expected once jobs have run" in said.out
    assert towns.say("verify", model, "--exact").status == 1


def test_tolerances_are_those_of_the_file(towns: Towns, model: Path) -> None:
    towns.change("DELETE FROM ghost.audits WHERE id = 1000000000000")
    assert towns.say("verify", model).status == 1
    content = json.loads(model.read_bytes())
    content["tolerances"]["audits"]["missing"] = True
    model.write_text(json.dumps(content))

    assert towns.say("verify", model).status == 0


def test_verifying_changes_nothing_and_needs_a_town(towns: Towns) -> None:
    assert "There is no ghost town" in towns.refused("verify", towns.model(2))
    assert towns.rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'ghost'") == [(0,)]


def test_verifying_another_model_tells_what_differs(towns: Towns) -> None:
    towns.do("populate", towns.model(2))

    said = towns.say("verify", towns.model(3, "larger.json"))

    assert said.status == 1
    assert _counts(said)["organisations"] == {
        "rows": 3,
        "equal": 2,
        "missing": 1,
        "extra": 0,
        "different": 0,
        "changed": 0,
    }


@pytest.fixture
def mapping(towns: Towns) -> Path:
    """Return a mapping into a table that holds a row of somebody else's."""
    towns.change(PEOPLE, STRANGER)
    path = towns.folder / "mapping.sql"
    path.write_text(MAPPING)
    return path


def test_mapping_carries_rows_reads_and_removes_them_and_leaves_others_alone(towns: Towns, mapping: Path) -> None:
    model = towns.model(2)
    towns.do("populate", model, "--mapping", mapping)
    mapping.unlink()  # the town remembers it

    counts = _counts(towns.say("verify", model, "--exact"))
    assert counts["users (mapped)"]["equal"] == counts["users"]["equal"] > 0
    towns.change("UPDATE public.people SET who = 'eve' WHERE number = 1000000")
    said = towns.say("verify", model)
    assert said.status == 1
    assert "users (mapped): 1 different\n  id 1000000: name is 'eve'" in said.out

    towns.do("populate", model)
    towns.do("drop")
    assert towns.rows("SELECT * FROM public.people") == [(1000000007, 7, "ann", "boss")]


def test_mapping_that_the_server_refused_can_be_corrected(towns: Towns, mapping: Path) -> None:
    model = towns.model(2)
    mapping.write_text(MAPPING.replace("who, what)", "whom, what)", 1))

    said = towns.refused("populate", model, "--mapping", mapping)
    assert 'column "whom" of relation "people" does not exist' in said
    assert "mapping.sql:2:44" in said
    assert towns.rows("SELECT count(*) FROM public.people") == [(1,)]

    mapping.write_text(MAPPING)
    towns.do("populate", model, "--mapping", mapping)
    towns.do("verify", model, "--exact")
    mapping.write_text(MAPPING + "-- another\n")
    assert "were carried by another mapping" in towns.refused("populate", model, "--mapping", mapping)


def test_town_whose_mapping_cannot_remove_is_removed_by_another(towns: Towns, mapping: Path) -> None:
    model = towns.model(2)
    mapping.write_text(MAPPING.replace("number = id", "numbr = id"))
    towns.do("populate", model, "--mapping", mapping)

    assert 'column "numbr" does not exist' in towns.refused("drop")
    towns.do("verify", model, "--exact")
    mapping.write_text(MAPPING)
    towns.do("drop", "--mapping", mapping)

    assert towns.rows("SELECT count(*) FROM public.people") == [(1,)]


def test_town_without_a_mapping_is_not_removed_by_one(towns: Towns, mapping: Path) -> None:
    model = towns.model(2)
    towns.change("INSERT INTO public.people VALUES (1000000, 7, 'joe', 'boss')")
    towns.do("populate", model)

    assert "was made without a mapping" in towns.refused("drop", "--mapping", mapping)
    assert "were carried by another mapping, or by none" in towns.refused("populate", model, "--mapping", mapping)
    towns.do("drop")

    assert towns.rows("SELECT who FROM public.people ORDER BY 1") == [("ann",), ("joe",)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-- name: user_fill\nSELECT 1;\n", "no block 'user_fill'; did you mean 'users_fill'?"),
        ("-- name: users_fill\nSELECT 1;\n", "There is users_fill, but no users_read"),
        ("-- name: users_read\nSELECT 1; SELECT 2;\n", "users_read is not one query"),
        ("-- name: users_read\nSELECT :first;\n", "unknown parameter :first"),
        ("-- name: users_read\nSELECT 'x;\n", "unterminated"),
        ("-- name: users_fill\nCOPY t (id) FROM STDIN;\n", "copies from the client"),
    ],
    ids=["name", "alone", "several", "parameter", "quote", "copy"],
)
def test_mapping_that_is_wrong_is_refused_with_its_place(towns: Towns, text: str, words: str) -> None:
    path = towns.folder / "mapping.sql"
    path.write_text(text)

    said = towns.refused("populate", towns.model(2), "--mapping", path)

    assert words in said
    assert "mapping.sql:1:" in said or "mapping.sql:2:" in said
    assert towns.rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'ghost'") == [(0,)]


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (
            "SELECT NULL::bigint AS id, tenant AS organisation, who AS name, what AS role FROM public.people",
            "has no id",
        ),
        ("SELECT number AS id FROM public.people", 'column "organisation" does not exist'),
        ("SELECT who AS id, 1 AS organisation, who AS name, who AS role FROM public.people", "invalid input syntax"),
        ("DELETE FROM public.people", "syntax error"),
    ],
    ids=["null", "columns", "type", "statement"],
)
def test_mapping_whose_query_returns_something_else_is_told(towns: Towns, mapping: Path, read: str, words: str) -> None:
    mapping.write_text(f"-- name: users_read\n{read};\n")
    model = towns.model(2)
    towns.do("populate", model, "--mapping", mapping)

    assert words in towns.refused("verify", model)
    assert towns.rows("SELECT count(*) FROM public.people") == [(1,)]


def test_fitted_data_model_gives_about_as_many_rows_and_tells_no_text(towns: Towns) -> None:
    path = towns.model(40, seed=3)
    rows = int(re.findall(r"([\d,]+) rows added", towns.do("populate", path))[0].replace(",", ""))
    towns.change("UPDATE ghost.users SET name = 'canary' || id", "UPDATE ghost.labels SET name = 'canary' || id")

    towns.do("fit", "-o", towns.folder / "fitted")

    text = "".join(one.read_text() for one in sorted((towns.folder / "fitted").iterdir()))
    assert "canary" not in text
    known = {
        str(one) for (one,) in towns.rows("SELECT name FROM ghost.organisations UNION SELECT name FROM ghost.jobs")
    }
    assert not [one for one in known if one in text]
    again = towns.model_of(towns.folder / "fitted", 40)
    towns.do("drop")
    assert int(re.findall(r"([\d,]+) rows added", towns.do("populate", again))[0].replace(",", "")) == pytest.approx(
        rows, rel=0.35
    )


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT name FROM ghost.users", "returns (str), not one number from 0 to"),
        ("SELECT 'NaN'::numeric FROM ghost.users", "not one number"),
        ("SELECT 'NaN'::float8 FROM ghost.users", "not one number"),
        ("SELECT NULL::int FROM ghost.users", "not one number"),
        ("SELECT -1 FROM ghost.users", "not one number"),
        ("SELECT 1, 2 FROM ghost.users", "not one number"),
        ("DELETE FROM ghost.users RETURNING 1", "read-only transaction"),
        ("SELECT count(*) FROM ghost.users", "fewer than 5 would tell of single tenants"),
        ("SELECT 1 FROM nowhere", 'relation "nowhere" does not exist'),
        ("CREATE TABLE own (id int)", "read-only transaction"),
    ],
)
def test_query_that_returns_something_else_than_numbers_is_refused(towns: Towns, query: str, words: str) -> None:
    towns.do("populate", towns.model(2))
    path = towns.folder / "queries.sql"
    path.write_text(f"-- name: users_count\n{query};\n")
    before = towns.held()

    assert words in towns.refused("fit", "--queries", path, "-o", towns.folder / "fitted")
    assert not (towns.folder / "fitted").exists()
    assert towns.held() == before


def test_query_is_executed_as_it_is_written(towns: Towns) -> None:
    towns.do("populate", towns.model(2))
    path = towns.folder / "queries.sql"
    path.write_text("-- name: users_count\nSELECT 7 + 10 % 4 FROM generate_series(1, 9) WHERE 'a%' LIKE 'a%';\n")

    towns.do("fit", "--queries", path, "-o", towns.folder / "fitted")

    assert "[9, 9," in (towns.folder / "fitted" / "users.toml").read_text()


def test_fitting_without_a_town_needs_queries(towns: Towns) -> None:
    assert "There is no ghost town" in towns.refused("fit", "-o", towns.folder / "fitted")


def test_query_of_unknown_numbers_is_refused(towns: Towns) -> None:
    path = towns.folder / "queries.sql"
    path.write_text("-- name: user_count\nSELECT 1;\n")

    assert "did you mean 'users_count'?" in towns.refused("fit", "--queries", path, "-o", towns.folder / "fitted")
