"""The table of options in README.md, made of the options themselves."""

from schemabench.options import environment_name, flag, ini_name, metavar, table


def markdown_table() -> str:
    """Return the table."""
    lines = ["| option | ini file | environment | default | meaning |", "|---|---|---|---|---|"]
    for option in table():
        meta = option.metadata
        shown = "" if option.metadata["ini_only"] else f"`{flag(option)}{metavar(option)}`"
        default = f"`{meta['text']}`" if meta["kind"] == "one" and meta["text"] else ""
        repeat = " (repeatable)" if meta["kind"] == "many" else ""
        lines.append(
            f"| {shown} | `{ini_name(option)}` | `{environment_name(option)}` | {default} | {meta['about']}{repeat} |"
        )
    return "\n".join(lines)
