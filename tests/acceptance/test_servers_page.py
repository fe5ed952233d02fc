"""What docs/servers.md tells people to type works on a managed service, as a role that may only make databases."""

import configparser
import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import managed
import psutil
import pytest
from managed import PASSWORD, Service
from shop import Shop, said

from schemabench import cli
from schemabench.server.dsn import opened, parse_dsn, with_words

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"<!-- commands -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [shlex.split(line) for line in BLOCK.splitlines()]
QUICK = ("db.example.com", "-n 2", "--noise")
"""In the runs that are tried in every session of tests."""
RUNS = [
    pytest.param(
        shlex.split(line),
        id=line,
        marks=[] if any(words in line for words in QUICK) else [pytest.mark.thorough],
    )
    for line in BLOCK.splitlines()
    if line.startswith("pytest ")
]
LATE = {"WAL", "blocks hit", "blocks read", "HOT updates", "dead rows", "sequential scans", "temporary files"}
"""Some of what the report says is not counted."""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Start a managed service, whose tenant has a table and writes into it."""
    with managed.service() as found:
        with closing(opened(with_words(parse_dsn(found.dsn(managed.LIVE)), password=PASSWORD))) as tenant:
            tenant.execute("CREATE TABLE visit (id bigint PRIMARY KEY, page text NOT NULL)")
            for number in range(100):
                tenant.execute("INSERT INTO visit (id, page) VALUES (%s, %s)", [number, f"page {number}"])
            tenant.execute("ANALYZE")
        yield found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], service: Service) -> Shop:
    """Return a project whose runs find the service as the page assumes: a service file, and a password file."""
    folder = tmp_path_factory.mktemp("servers")
    libpq = {
        "PGSERVICEFILE": str(service.named(folder / "services")),
        "PGPASSFILE": str(service.passwords(folder / "passwords")),
    }
    shop = Shop.open(folder / "shop", {**environment, **libpq, "HOME": str(folder)})
    assert cli.main(["noise", "model", "--sample", "--orgs", "2", "-o", str(shop.path / "noise.json")]) == 0
    return shop


def adapted(word: str, service: Service) -> str:
    """Return a word of the page with the service's address in place of the page's."""
    here = word.replace("db.example.com:5432", f"127.0.0.1:{service.port}")
    here = here.replace("/etc/ssl/db.pem", str(service.certificate))
    if "/var/run/postgresql" not in here:
        return here
    port = f"&port={service.port}" if "://" in here else f" port={service.port}"
    return here.replace("/var/run/postgresql", str(service.sockets)) + port


@pytest.mark.parametrize("words", RUNS)
def test_a_run_of_the_page_works(project: Shop, service: Service, words: list[str]) -> None:
    rest = [adapted(word, service) for word in words[1:]]
    variables = _address(service) if "postgresql://" in rest else {}
    result = project.run(*rest, "--report", "run.md", "--report", "run.json", **variables)

    assert result.ret == 0, said(result)
    assert PASSWORD not in said(result)
    told = re.sub(r"\s+", " ", project.read("run.md"))
    (titles,) = re.findall(r"Not counted: ([^()]*) \(sessions report it up to ten seconds late", told)
    assert set(titles.split(", ")) >= LATE
    assert "GRANT EXECUTE ON FUNCTION pg_stat_force_next_flush()" in told.replace("\\", "")
    (experiment,) = json.loads(project.read("run.json"))["schemabench"]["experiments"]
    costs = {
        cost["name"]
        for candidate in experiment["candidates"]
        for cost in candidate["costs"]
        if cost["value"] is not None
    }
    assert "table_size" in costs
    assert not {"wal_bytes", "blocks_hit", "rows_dead", "seq_scans"} & costs
    assert PASSWORD not in project.read("run.json") + told


def test_other_commands_of_the_page_work(project: Shop, service: Service) -> None:
    for words in (words for words in COMMANDS if words[0] == "schemabench"):
        quick = ["--budget", "1s"] if words[1] == "crossover" else []
        result = project.schemabench(*[adapted(word, service) for word in words[1:]], *quick)

        assert result.ret == 0, said(result)
        assert PASSWORD not in said(result)


def test_a_password_is_on_no_command_line(project: Shop) -> None:
    run = project.start("-n", "2", "--postgres", "service=shop", "--clients", "2", PGPASSWORD=PASSWORD)
    seen: set[str] = set()
    while run.poll() is None:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                seen.update(word for word in process.cmdline() if PASSWORD in word)
        time.sleep(0.05)
    result = project.finish(run)

    assert result.ret == 0, said(result)
    assert seen == set()


def _address(service: Service) -> Mapping[str, str]:
    """Return libpq's variables for the service."""
    return {"PGHOST": "127.0.0.1", "PGPORT": str(service.port), "PGUSER": managed.ROLE, "PGDATABASE": "postgres"}


def test_libpqs_variables_reach_the_environments_that_rank() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")

    assert "PGSERVICE=shop tox run -e pg15 -- --postgres postgresql:// --clients 3" in PAGE
    assert "pg{15,16,17,18}: PG*" in tox["testenv"]["pass_env"].splitlines()
    assert all("PG*" in tox[f"testenv:{name}"]["pass_env"].splitlines() for name in ("rank", "families"))


def test_a_server_of_a_runs_own_is_not_looked_for_elsewhere(project: Shop) -> None:
    result = project.run("--postgres", "embedded", PGHOST="/nowhere", PGSSLMODE="require", PGSERVICE="nowhere")

    assert result.ret == 0, said(result)
