"""What may have been meant."""

import pytest

from schemabench.naming import nearest


@pytest.mark.parametrize(
    ("name", "known", "text"),
    [
        ("upsert_meda", ["insert_cdn", "upsert_media"], "; did you mean 'upsert_media'?"),
        ("xyz", ["upsert_media"], ""),
        ("", ["upsert_media"], ""),
        ("any", [], ""),
    ],
)
def test_the_nearest_name_is_suggested_where_one_is_near(name: str, known: list[str], text: str) -> None:
    assert nearest(name, known) == text
    assert nearest(name, iter(known)) == text
