"""The script that draws the charts: Vega, Vega-Lite and Vega-Embed in one file, bundled when the package is built.

Owns where it lies. Must not know a chart.
"""

from importlib import resources

from schemabench.errors import UsageError

FILE = resources.files(__package__).joinpath("vega.js")
"""What `hatch_build.py` writes."""


def script() -> str:
    """Return the script, which defines `vegaEmbed`; it ends no script element and asks no network for anything.

    Raises:
        UsageError: There is none: these files were taken from a repository, and not installed.
    """
    try:
        return FILE.read_text(encoding="utf-8")
    except FileNotFoundError as cause:
        raise UsageError(
            f"There is no script that draws the charts of a report: {FILE}",
            checked=["it is made when schemabench is installed"],
            remedies=["install schemabench from its folder once more: `pip install --editable .`"],
        ) from cause
