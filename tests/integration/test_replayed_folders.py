"""A folder of hourly files on a server: each hour is loaded once, and what comes again changes nothing."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from warehouse import FOUND, SHIPPED, Warehouse, expected

from schemabench import Call, parsing
from schemabench.errors import UsageError
from schemabench.experiment import Feed, Plan, inputs, measure
from schemabench.experiment.folders import Folder, Input
from schemabench.progress import Silence
from schemabench.server import Server

SIZES = replace(
    FOUND.workload.cardinalities["typical"],
    known_pages=1_024,
    lines_per_hour=256,
    lines_per_call=64,
    reload_share=0.5,
)
HOURS = ("20160831-230000", "20160901-000000", "20160901-020000")
"""The first is one of the background's, and one is missing."""
CALLS_OF_AN_HOUR = 6
"""It is found or withdrawn, brings the blacklist, has three chunks, and is finished."""
CYCLES = 4


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Input]:
    """Make a folder of hourly files as they come, with a blacklist, and choose a range of it."""
    folder = tmp_path / "dumps"
    for number, hour in enumerate(HOURS):
        path = folder / hour[:4] / f"{hour[:4]}-{hour[4:6]}" / f"pageviews-{hour}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            f"{domain} caf%C3%A9_{n} {1 + (n * 7 + number) % 50} 0\n" for domain in ("de", "en") for n in range(80)
        ]
        path.write_bytes(gzip.compress("".join(lines).encode()))
    (folder / "2016" / "projectviews-20160901-000000").write_text("en - 1 0\n")
    (tmp_path / "blacklist.txt").write_text("en caf%C3%A9_7\n")
    named = [("pageviews", folder), ("pageviews.blacklist", tmp_path / "blacklist.txt")]
    return inputs(FOUND, named, [parsing.replay_range("pageviews=2016-08-31T23..2016-09-01T02")])


@pytest.mark.parametrize("which", sorted(SHIPPED))
def test_a_folder_leaves_the_rows_that_the_model_has_however_often_it_is_replayed(
    server: Server, given: dict[str, Input], tmp_path: Path, which: str
) -> None:
    database = server.create("replayed")
    warehouse = Warehouse(SHIPPED[which], server.conninfo_for(database.name), tmp_path)
    try:
        feed, states = Feed(FOUND, SIZES, 1, given), []
        done = [call for chunk in feed.background() for call in chunk.calls()]
        warehouse.load(done)
        generated = warehouse.rows("loaded_hours")
        for _ in range(CYCLES):
            calls = feed.take("loader", 0, len(HOURS) * CALLS_OF_AN_HOUR)
            warehouse.load(calls)
            done += calls
            states.append(warehouse.state())

            assert states[-1] == expected(done)
        assert feed.cycles == CYCLES
        assert {call.operation for call in done} >= {"find_hour", "withdraw_hour"}
        assert len(states[0]["loaded_hours"]) == len({*generated, *states[0]["loaded_hours"]}) == len(generated) + 2
        assert all(state == states[0] for state in states)
    finally:
        warehouse.connection.close()
        server.drop(database)


def test_an_hour_whose_file_is_damaged_while_it_is_replayed_does_not_take_its_place(
    server: Server, given: dict[str, Input], tmp_path: Path
) -> None:
    database = server.create("damaged")
    warehouse = Warehouse(SHIPPED["baseline"], server.conninfo_for(database.name), tmp_path)
    feed, folder = Feed(FOUND, SIZES, 1, given), given["pageviews"]
    assert isinstance(folder, Folder)
    path = folder.files[1].path
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    try:
        done: list[Call] = []
        with pytest.raises(UsageError, match=rf"ends early, at byte {len(content) - 1:,}") as caught:
            _load_on(warehouse, feed, done)
        assert str(path) in caught.value.what
        assert done[-1].operation == "load_pages"
        assert done[-1].values["date_hour"] == folder.files[1].time
        assert warehouse.rows("loaded_hours") == [(folder.files[0].time,)]
        assert {row[0] for row in warehouse.rows("ranked_pages")} == {folder.files[0].time}
    finally:
        warehouse.connection.close()
        server.drop(database)


def _load_on(warehouse: Warehouse, feed: Feed, done: list[Call]) -> None:
    """Load call by call, until the feed ends; `done` receives the calls."""
    while True:
        calls = feed.take("loader", 0, 1)
        warehouse.load(calls)
        done += calls


def test_a_run_of_a_folder_tells_what_was_replayed_and_what_was_not_checked(
    server: Server, given: dict[str, Input]
) -> None:
    workload = replace(FOUND.workload, cardinalities={"typical": SIZES})
    plan = Plan(
        found=replace(FOUND, workload=workload),
        cardinality="typical",
        candidates=(SHIPPED["baseline"], SHIPPED["running_top"]),
        clients=4,
        budget_s=0.0,
        precision=0.01,
        seed=1,
        burst=1,
        inputs=given,
    )
    experiment = measure(plan, server, Silence())
    notices = {notice.code: notice.text for notice in experiment.notices}

    assert [one.status for one in experiment.candidates] == ["ranked", "ranked"]
    assert experiment.replay["pageviews"] == (
        "dumps, 3 files from pageviews-20160831-230000.gz to pageviews-20160901-020000.gz"
    )
    assert notices["missing-files"] == "dumps: missing in the range: pageviews-20160901-010000"
    assert notices["files-left-out"].endswith(": 2016/projectviews-20160901-000000")
    assert notices["replayed"].startswith("the input was replayed ")
    assert notices["bounds-not-checked"] == (
        "Not checked, because the cardinality does not describe what is replayed: hours_of_too_few_domains, "
        "hours_of_too_few_views, hours_led_by_another_domain"
    )
