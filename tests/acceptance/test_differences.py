"""Candidates as differences, folders and dumps, as docs/bring-your-own-schema.md shows them, in a run of the plugin."""

import json
import re
from pathlib import Path

import programs
import psycopg
import pytest
import servers
from shop import Shop

PAGE = Path(__file__).parents[2] / "docs" / "bring-your-own-schema.md"
MATCH = re.search(r"<!-- difference -->\n```sql\n(?P<sql>.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
MIGRATION = """\
-- migrate:up
ALTER TABLE orders ADD note text;

-- migrate:down
ALTER TABLE orders DROP note;
"""
BACKFILL = """\
CREATE TABLE spent (customer text PRIMARY KEY, amount_cents bigint NOT NULL);
INSERT INTO spent SELECT customer, sum(amount_cents) FROM orders GROUP BY customer;
"""
OWNED = "ALTER TABLE orders OWNER TO shop_owner;\nGRANT SELECT ON orders TO shop_reader;\n"


def _dumped(baseline: str) -> str:
    """Return a schema as the newest pg_dump writes it, owned by a role that only its own server has."""
    newest = servers.FOUND[max(servers.FOUND)]
    with servers.serving(f"local:{newest.folder}", settings={}, clients=5, run_id="shop") as server:
        database = server.create("shop")
        conninfo = server.conninfo_for(database.name)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(b"CREATE ROLE shop_owner; CREATE ROLE shop_reader")
            connection.execute((baseline + OWNED).encode())
        command = [newest.folder / "pg_dump", "--schema-only", "-d", conninfo]
        return str(programs.run(command, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Shop:
    """Return a project after a run of three candidates, all of which extend the baseline's dump in some way."""
    assert MATCH, f"{PAGE} has no <!-- difference --> ... <!-- /difference -->"
    shop = Shop.open(tmp_path_factory.mktemp("differences") / "shop", environment)
    shop.write("schemas/orders/baseline.sql", _dumped(shop.read("schemas/orders/baseline.sql")))
    shop.write("schemas/orders/covering.sql", MATCH["sql"])
    shop.write("schemas/orders/unselected.sql", "-- extends: baseline\nCREATE INDEX ON orders (amount_cents);\n")
    shop.write("schemas/orders/next/candidate.sql", "-- extends: unselected\n")
    shop.write("schemas/orders/next/10_spent.sql", BACKFILL)
    shop.write("schemas/orders/next/2_note.sql", MIGRATION)
    reports = ("--report", "run.json", "--report", "run.md", "--report", "run.html")
    result = shop.run("--candidate", "covering", "--candidate", "next", *reports)
    assert result.ret == 0, str(result.stdout)
    return shop


def _candidates(shop: Shop) -> dict[str, dict[str, object]]:
    (experiment,) = json.loads(shop.read("run.json"))["schemabench"]["experiments"]
    return {one["name"]: one for one in experiment["candidates"]}


def test_what_is_extended_need_not_be_selected(shop: Shop) -> None:
    found = _candidates(shop)

    assert {name: one["status"] for name, one in found.items()} == dict.fromkeys(
        ("baseline", "covering", "next"), "ranked"
    )


def test_the_run_file_has_what_the_files_say_and_what_they_extend(shop: Shop) -> None:
    found = _candidates(shop)
    migrated = found["next"]

    assert MATCH is not None
    assert found["covering"]["sql"] == MATCH["sql"]
    assert migrated["path"] == "schemas/orders/next"
    assert migrated["sql"] == (
        f"-- extends: unselected\n\n-- 2_note.sql\nALTER TABLE orders ADD note text;\n\n-- 10_spent.sql\n{BACKFILL}\n"
    )
    assert isinstance(migrated["extends"], list)
    assert [one["name"] for one in migrated["extends"]] == ["baseline", "unselected"]
    assert migrated["extends"][0]["sql"] == found["baseline"]["sql"]


def test_what_was_passed_over_and_what_found_no_rows_is_said_once(shop: Shop) -> None:
    notices = {name: [each["text"] for each in one["notices"]] for name, one in _candidates(shop).items()}
    text = shop.read("run.md")

    passed = "Passed over in the SQL of baseline: 2 statements on owners and privileges, since the server has no role"
    assert sum(said.startswith(passed) for some in notices.values() for said in some) == 1
    assert text.count("2 statements on owners and privileges") == 1
    assert any(
        "These statements of next found no rows" in said and "10_spent.sql:2" in said for said in notices["next"]
    )


def test_reports_show_the_difference_alone(shop: Shop) -> None:
    text = re.sub(r"<.*?>", "", shop.read("run.html"))

    assert "extends baseline; definitions +2 -0; no overrides" in text
    assert "extends unselected; definitions +6 -0; no overrides" in text, "with those of what takes no part"
