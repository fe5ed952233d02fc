"""No secret that a run is given, or could see, comes out of it: canaries in every input, sought in every output."""

import stat
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path

import places
import psutil
import pytest
from shared_server import PASSWORD, Shared
from shop import Shop, said, wait_for

CANARY = "canary-that-must-not-sing"
"""In every secret; what follows says in which."""
SETTING = f"app.api_key={CANARY}-setting"
VARIABLES = {
    "SCHEMABENCH_POSTGRES_SETTING": SETTING,
    "DEPLOY_TOKEN": f"{CANARY}-token",
    "PGPASSWORD": f"{CANARY}-libpq",
}
REPORTS = ("run.json", "run.md", "run.html", "run.csv")
ASKS = """
DO $$ BEGIN
    IF pg_read_binary_file('/proc/self/environ') LIKE '%canary%'::bytea
        OR pg_read_binary_file('/proc/self/cmdline') LIKE '%canary%'::bytea
    THEN RAISE EXCEPTION 'the server knows a secret'; END IF;
END $$;
-- name: customer_total
SELECT pg_sleep(0.05), count(*), sum(amount_cents) FROM orders WHERE customer = :customer::text;
"""
FAILS = """
-- name: customer_total
SELECT 1 / 0, :customer::text;
"""


@pytest.fixture
def told(shop: Shop, tmp_path: Path) -> Shop:
    """Return a project with a candidate that looks for secrets and one that fails, and a home with a password file."""
    shop.candidate("asks", ASKS)
    shop.candidate("fails", FAILS)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".pgpass").write_text(f"*:*:*:*:{CANARY}-pgpass\n", encoding="utf-8")
    (home / ".pgpass").chmod(stat.S_IRUSR | stat.S_IWUSR)
    return shop


def arguments() -> Iterator[str]:
    """Yield what has a run write as much as it can."""
    yield from ("-l", "--tb=long", "-vv", "--junitxml=junit.xml", "--benchmark-json=benchmark.json")
    for name in REPORTS:
        yield from ("--report", name)


def written(folder: Path) -> Mapping[str, str]:
    """Return each file below a folder that holds a canary, with what stands around it."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.name != ".pgpass":
            text = path.read_text(encoding="utf-8", errors="replace")
            if CANARY in text or PASSWORD in text:
                found[str(path)] = text[max(0, text.find(CANARY) - 60) :][:160]
    return found


def command_lines() -> Mapping[int, str]:
    """Return the processes of this machine whose command line, which all users see, holds a canary."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if CANARY in line:
                found[process.pid] = line
    return found


def logs(place: Path) -> list[str]:
    """Return what servers of ours have written so far."""
    return [path.read_text(encoding="utf-8", errors="replace") for path in place.glob("schemabench/servers/*/log")]


@pytest.mark.parametrize(
    "workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.thorough)], ids=["one process", "two workers"]
)
def test_a_server_of_ours_and_all_that_is_written_hold_no_secret(told: Shop, workers: tuple[str, ...]) -> None:
    place = Path(told.environment["TMPDIR"])
    given = (*arguments(), "--burst", "24", *workers, "--postgres", "embedded")
    with places.much_memory() if workers else nullcontext():
        run = told.start(*given, **VARIABLES, HOME=str(told.path.parent / "home"))
        wait_for(run, lambda: any("ready to accept" in log for log in logs(place)))
        seen = command_lines()
        wait_for(run, lambda: any("division by zero" in log for log in logs(place)))
        known = logs(place)
        result = told.finish(run)

    assert "the server knows a secret" not in said(result)
    assert "division by zero" in said(result)
    assert CANARY not in said(result)
    assert seen == {}
    assert not any(CANARY in log for log in known)
    assert written(told.path) == {}
    assert "app.api_key=***" in told.read("run.md")


def test_a_server_of_somebody_elses_tells_no_secret_either(told: Shop, shared: Shared) -> None:
    told.change("schemas/orders/asks.sql", ASKS, "")
    surroundings = {**VARIABLES, "HOME": str(told.path.parent / "home"), "SCHEMABENCH_POSTGRES_SETTING": ""}
    result = told.run(*arguments(), "--postgres", shared.dsn(), **surroundings)

    assert "division by zero" in said(result)
    assert CANARY not in said(result)
    assert PASSWORD not in said(result)
    assert written(told.path) == {}


def test_a_setting_that_may_be_secret_is_not_shown_where_the_server_refuses_it(shop: Shop, shared: Shared) -> None:
    for server in ("embedded", shared.dsn()):
        result = shop.run("--postgres", server, SCHEMABENCH_POSTGRES_SETTING=f"primary_conninfo=password={CANARY} x")
        assert result.ret != 0
        assert CANARY not in said(result)


HIDDEN = f"""
DO $$ BEGIN EXECUTE 'CREATE ROLE of_the_shop PASSWORD ''{CANARY}-block'''; END $$;
CREATE FUNCTION elsewhere() RETURNS void LANGUAGE plpgsql AS $$
BEGIN PERFORM dblink('host=elsewhere password={CANARY}-link user=me', 'SELECT 1'); END $$;
-- name: customer_total
SELECT set_config('my.api_key', '{CANARY}-setting', true), count(*), sum(amount_cents)
FROM orders WHERE customer = :customer::text AND 'password={CANARY}-literal' <> customer;
"""  # noqa: S608 (a canary)
IN_CONTEXT = f"DO $$ BEGIN EXECUTE 'ALTER ROLE nobody_of_that_name\n PASSWORD\n ''{CANARY}-context'''; END $$;\n"
IN_PLACE = f"CREATE ROLE nobody_of_that_name IN ROLE none_either\n PASSWORD '{CANARY}-place';\n"
IN_CALL = f"""
-- name: customer_total
SELECT 1 / 0, set_config('my.secret', '{CANARY}-call', true), :customer::text;
"""


@pytest.mark.parametrize("where", ["a server of ours", "another server"])
def test_no_password_in_a_candidates_sql_comes_out(shop: Shop, shared: Shared, where: str) -> None:
    ours = where == "a server of ours"
    hidden = HIDDEN if ours else HIDDEN.replace("CREATE ROLE of_the_shop", "SELECT 1 --")
    for name, more in (("hidden", hidden), ("context", IN_CONTEXT), ("place", IN_PLACE), ("call", IN_CALL)):
        shop.candidate(name, more)
    shop.change(
        "workloads/orders/operations.sql",
        "SELECT customer, count(*)",
        f"/* PASSWORD '{CANARY}-own' */ SELECT customer, count(*)",
    )
    run = shop.start(*arguments(), "--postgres", "embedded" if ours else shared.dsn())
    place = Path(shop.environment["TMPDIR"])
    if ours:
        wait_for(run, lambda: any("ready to accept" in log for log in logs(place)))
        others = [
            path for path in place.glob("schemabench/servers/*/log") if stat.S_IMODE(path.stat().st_mode) != 0o600
        ]
        folders = [stat.S_IMODE(path.parent.stat().st_mode) & 0o007 for path in place.glob("schemabench/servers/*/log")]
        assert others == []
        assert not any(folders)
    result = shop.finish(run)

    assert "3 failed, 3 passed" in said(result)
    assert "PASSWORD '***'" in said(result)
    assert CANARY not in said(result)
    assert written(shop.path / "schemas") != {}
    assert {path: text for path, text in written(shop.path).items() if not path.endswith(".sql")} == {}
    assert "'my.api_key', '***'" in shop.read("run.json")
