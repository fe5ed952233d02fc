"""Bundles the script that draws the charts of reports when the package is built, so that no report waits for it.

Runs for wheels and for editable installations, of a repository or of an sdist. vl-convert carries the sources of Vega,
Vega-Lite and Vega-Embed; it is needed here only (docs/decisions/0010-one-page-with-no-network.md). It has no licences
of theirs: those of the packages on npm are in licenses/vega.txt, which goes into the wheel.
"""

from pathlib import Path
from typing import Any

import vl_convert
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VEGA_LITE = "6.4"
"""Of the major version that the charts are written in, which is Altair's own: pyproject.toml bounds that."""
SCRIPT = Path("src", "schemabench", "report", "page", "vega.js")


class ChartScript(BuildHookInterface):
    """Writes the script into the package, where git ignores it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (as hatchling calls it)
        """Bundle the script, and have it packed."""
        bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
        assert "</script" not in bundle.lower(), "the script would end its own element"
        Path(self.root, SCRIPT).write_text(f"{_heading()}\n{bundle}", encoding="utf-8")
        build_data["artifacts"].append(SCRIPT.as_posix())


def _heading() -> str:
    """Return which versions these are and whose: the bundle itself holds no comments."""
    libraries = (
        f"Vega {vl_convert.get_vega_version()}, Vega-Lite {VEGA_LITE}, Vega-Embed {vl_convert.get_vega_embed_version()}"
    )
    return f"/* {libraries}: University of Washington Interactive Data Lab, BSD-3-Clause */"
