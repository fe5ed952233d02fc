"""Settings of a server of our own."""

import pytest

from schemabench.errors import UsageError
from schemabench.server.settings import chosen, normalised, sources

GIB = 2**30


def test_a_server_of_ours_is_as_durable_as_in_production() -> None:
    settings = chosen(8, memory=8 * GIB)

    assert {settings[name] for name in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")} == {"on"}


@pytest.mark.parametrize(("memory", "buffers"), [(64 * GIB, "1024MB"), (2 * GIB, "512MB"), (GIB // 64, "16MB")])
def test_shared_buffers_are_a_quarter_of_memory_within_limits(memory: int, buffers: str) -> None:
    assert chosen(8, memory=memory)["shared_buffers"] == buffers


def test_wal_leaves_most_of_a_small_disk_free() -> None:
    assert chosen(8, memory=GIB, free_disk=100 * GIB)["max_wal_size"] == "4096MB"
    assert chosen(8, memory=GIB, free_disk=2 * GIB)["max_wal_size"] == "512MB"


def test_connections_suffice_for_the_clients_and_the_run_itself() -> None:
    assert int(chosen(300, memory=GIB)["max_connections"]) > 300


def test_names_of_settings_are_read_as_the_server_reads_them() -> None:
    assert normalised({" Work_Mem ": " 8MB", "pg_stat_statements.max": "100"}) == {
        "work_mem": "8MB",
        "pg_stat_statements.max": "100",
    }


@pytest.mark.parametrize("name", ["", "work mem", "a;b", "port", "Data_Directory"])
def test_a_name_that_is_none_or_reserved_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--postgres-setting"):
        normalised({name: "1"})


def test_the_users_word_outranks_ours_as_source() -> None:
    assert sources({"fsync": "on", "autovacuum": "on"}, {"fsync": "off"}) == {
        "fsync": "--postgres-setting",
        "autovacuum": "schemabench",
    }
