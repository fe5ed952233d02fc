"""What may be a secret is not shown, and all else is."""

import pytest

from schemabench.redaction import hides, redact

SECRET = "hunter2"  # noqa: S105 (the password that must not be seen)


@pytest.mark.parametrize(
    "name", ["primary_conninfo", "ssl_passphrase_command", "app.api_key", "APP.Secret", "auth.token", "my_password"]
)
def test_a_setting_whose_name_tells_of_a_secret_is_not_shown_in_any_argument(name: str) -> None:
    assert hides(name)
    for before in ("", "--postgres-setting="):
        assert redact(f"{before}{name}=password={SECRET} host=x") == f"{before}{name}=***"
        assert redact(f"{before}{name} = '{SECRET}'") == f"{before}{name} =***"


@pytest.mark.parametrize("text", ["work_mem=4MB", "--budget=3s", "--postgres-setting=jit=off", "tests/evaluation"])
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert redact(text) == text
