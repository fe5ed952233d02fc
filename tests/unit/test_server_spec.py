"""What `--postgres SPEC` may say, and what is said back."""

from pathlib import Path

import pytest

from schemabench.errors import UsageError
from schemabench.server.spec import Anything, Existing, Image, LocalFolder, LocalMajor, parse_spec


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("embedded", Anything(major=None)),
        (" 16 ", Anything(major=16)),
        ("local:17", LocalMajor(major=17)),
        ("local:/opt/pg/bin", LocalFolder(folder=Path("/opt/pg/bin"))),
        ("local:/opt/a=b/bin", LocalFolder(folder=Path("/opt/a=b/bin"))),
        ("docker:16", Image(image="postgres:16")),
        ("docker:timescale/timescaledb:latest-pg16", Image(image="timescale/timescaledb:latest-pg16")),
    ],
)
def test_each_form_is_read(text: str, wanted: object) -> None:
    assert parse_spec(text) == wanted


@pytest.mark.parametrize("text", ["postgresql://u@h:1/d", "postgres://u@h:1/d", "host=h port=1 user=u dbname=d"])
def test_a_dsn_is_an_existing_server(text: str) -> None:
    wanted = parse_spec(text)

    assert isinstance(wanted, Existing)
    assert "postgresql://u@h:1/d" in repr(wanted)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("bogus", "--postgres embedded"), ("dokcer:18", "--postgres docker:18"), ("docker:", "--postgres docker:18")],
)
def test_an_unknown_form_is_answered_with_the_nearest_ones(text: str, nearest: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec(text)

    assert repr(text) in caught.value.what
    assert nearest in caught.value.remedies


@pytest.mark.parametrize("text", ["docker", "local", "local:", "", "mysql://u:hunter2@h/d", "postgres:u:hunter2@h/d"])
def test_what_is_no_spec_is_a_usage_error_without_a_password(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec(text)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("local:~nobody-here/pg/bin", "local:~nobody-here/pg/bin"), ("local:~u:hunter2@h/d", "local:...")],
)
def test_a_home_that_is_not_known_is_a_usage_error(text: str, shown: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec(text)

    assert f"--postgres {shown} cannot be used" in caught.value.what
    assert "hunter2" not in str(caught.value)
