"""The script that draws the charts: Vega, Vega-Lite and Vega-Embed in one file.

Owns where it comes from: vl-convert carries the sources and bundles them, which takes seconds, so that what it made is
kept. Must not know a chart.
"""

import contextlib
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

import platformdirs

_BUNDLER = "vl-convert-python"


@cache
def script() -> str:
    """Return the script, which defines `vegaEmbed`; it ends no script element and asks no network for anything."""
    kept = platformdirs.user_cache_path("schemabench") / f"vega-{version(_BUNDLER)}.js"
    with contextlib.suppress(OSError):  # there is none yet, or it may not be read
        return kept.read_text(encoding="utf-8")
    made = _bundled()
    with contextlib.suppress(OSError):  # it cannot be kept: the next page waits as long as this one
        _keep(kept, made)
    return made


def _bundled() -> str:
    import vl_convert as vlc  # noqa: PLC0415 (30 MB that only this needs)

    made = vlc.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    assert "</script" not in made.lower(), "the script would end its own element"
    return made


def _keep(kept: Path, text: str) -> None:
    """Write the file whole or not at all: another process may be about to read it."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    scratch = kept.with_suffix(f".{os.getpid()}.tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(kept)
