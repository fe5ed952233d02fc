"""Whatever surrounds a run: it works all the same, or says in words what is in the way."""

import os
import shutil
from pathlib import Path

import pytest
from shared_server import Shared
from shop import Shop, assert_clear, said

LIBPQ = {
    "PGOPTIONS": "-c work_mem=77MB",
    "PGHOSTADDR": "192.0.2.1",
    "PGSERVICE": "nowhere",
    "PGSSLMODE": "verify-full",
    "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "German",
    "PGCLIENTENCODING": "LATIN1",
    "PGREQUIREAUTH": "gss",
    "PGAPPNAME": "somebody",
    "PGDATABASE": "nowhere",
    "PGPORT": "1",
}
"""What libpq would read, each enough to change or break a connection."""


def test_nothing_that_libpq_reads_of_the_environment_reaches_a_server_of_ours(shop: Shop) -> None:
    result = shop.run("--postgres", "embedded", "--report", "run.md", "-n", "2", **LIBPQ)

    assert result.ret == 0, said(result)
    settings = shop.read("run.md")
    assert "77MB" not in settings
    assert "Tokyo" not in settings


def test_what_it_changes_on_another_server_is_shown(shop: Shop, shared: Shared) -> None:
    result = shop.run("--postgres", shared.dsn(), "--report", "run.md", PGOPTIONS="-c work_mem=77MB", PGTZ="Asia/Tokyo")

    assert result.ret == 0, said(result)
    rows = [line for line in shop.read("run.md").splitlines() if "77MB" in line or "Asia/Tokyo" in line]
    assert len(rows) == 2
    assert all("environment or DSN" in row for row in rows)


@pytest.mark.parametrize(
    "surroundings",
    [
        {"HOME": "/nonexistent", "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        {"HOME": "", "LANG": "de_DE.ISO-8859-1", "PYTHONIOENCODING": "latin-1"},
    ],
    ids=["no home, Tokyo, ascii", "empty home, latin-1"],
)
def test_a_run_works_in_other_surroundings(shop: Shop, surroundings: dict[str, str]) -> None:
    result = shop.run("--postgres", "embedded", "--report", "run.md", **surroundings)

    assert result.ret == 0, said(result)
    assert "# Ranking of candidate schemas" in shop.read("run.md")


def test_a_run_works_with_a_mask_that_closes_all_it_makes_below_a_long_path(shop: Shop) -> None:
    top = Path(shop.environment["TMPDIR"], "long" * 20)
    place = Path(top, *["longer" * 20] * 2)
    before = os.umask(0o077)
    try:
        result = shop.run("--postgres", "embedded", TMPDIR=shop.environment["TMPDIR"], SCHEMABENCH_FOLDER=str(place))
    finally:
        os.umask(before)
        shutil.rmtree(top)
    assert result.ret == 0, said(result)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's folders are closed to the server's user")
def test_a_folder_that_only_root_may_enter_is_told_in_words(shop: Shop) -> None:
    place = Path(shop.environment["TMPDIR"], "closed")
    place.mkdir(mode=0o700)
    try:
        result = shop.run("--postgres", "embedded", SCHEMABENCH_FOLDER=str(place / "folder"))
    finally:
        shutil.rmtree(place)
    assert_clear(result, "No folder is available for the server's data", "is closed to the unprivileged user")
