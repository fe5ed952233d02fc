"""The script that draws the charts: Vega, Vega-Lite and Vega-Embed in one file, bundled when the package is built.

Owns its location. Must not know a chart.
"""

from importlib import resources

from schemabench.errors import UsageError

FILE = resources.files(__package__).joinpath("vega.js")
"""The file that `hatch_build.py` writes."""


def script() -> str:
    """Return the script, which defines `vegaEmbed`; it never ends a script element and makes no network requests.

    Raises:
        UsageError: The script is missing: the package runs from a source tree in which it was not installed.
    """
    try:
        return FILE.read_text(encoding="utf-8")
    except FileNotFoundError as cause:
        raise UsageError(
            f"The script that draws a report's charts is missing: {FILE}",
            checked=["it is created when schemabench is installed"],
            remedies=["reinstall schemabench from its folder: `pip install --editable .`"],
        ) from cause
