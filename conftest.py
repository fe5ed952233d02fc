"""Nothing but what pytest wants at the root: schemabench itself comes in as an installed plugin."""

pytest_plugins = ("pytester",)
