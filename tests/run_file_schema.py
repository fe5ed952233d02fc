"""The format of a run file as a JSON Schema, made of the records.

Owns what the schema says beyond the types of fields: their meaning, which is the docstring below each of them, and the
key of the run within the file. Must not restrict what later versions add.
"""

import ast
import inspect
from collections.abc import Mapping
from typing import Any

import msgspec

from schemabench import records
from schemabench.records.run import FORMAT, Run

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ABOUT = (
    "What `pytest --report run.json` writes: the JSON of pytest-benchmark, and the run of schemabench. Fields may be "
    "added without a new format: ignore those that you do not know."
)
_DEFINITIONS = "$defs"


def run_file_schema() -> dict[str, Any]:
    """Return the JSON Schema of a run file in today's format."""
    made = msgspec.json.schema(Run)
    definitions: dict[str, dict[str, Any]] = made[_DEFINITIONS]
    for name, definition in definitions.items():
        _default_maps_to_empty(definition)
        for field, meaning in _meanings(getattr(records, name)).items():
            definition["properties"][field] = _described(definition["properties"][field], meaning)
    definitions[Run.__name__]["properties"]["format"]["const"] = FORMAT
    return {
        "$schema": _DIALECT,
        "title": f"Run file of schemabench, format {FORMAT}",
        "description": _ABOUT,
        "type": "object",
        "properties": {"schemabench": {"$ref": made["$ref"]}},
        "required": ["schemabench"],
        _DEFINITIONS: definitions,
    }


def _default_maps_to_empty(definition: Mapping[str, Any]) -> None:
    """State the default of optional maps, which msgspec does only since 0.23."""
    for field, property_ in definition["properties"].items():
        if property_.get("type") == "object" and field not in definition.get("required", ()):
            property_["default"] = {}


def _described(property_: Mapping[str, Any], meaning: str) -> dict[str, Any]:
    return {"description": meaning, **property_}


def _meanings(record: type) -> dict[str, str]:
    """Return the fields of a record that have a docstring, each on one line."""
    (definition,) = ast.parse(inspect.getsource(record)).body
    assert isinstance(definition, ast.ClassDef), "a record is a class"
    found = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and (text := _docstring(below)):
            found[field.target.id] = " ".join(text.split())
    return found


def _docstring(node: ast.stmt) -> str:
    """Return a statement's text if it is nothing but a string."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return ""
