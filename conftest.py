"""Empty, for pytest's root folder: schemabench itself is loaded as an installed plugin."""

pytest_plugins = ("pytester",)
