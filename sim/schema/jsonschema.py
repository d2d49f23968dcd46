"""JSON Schemas of the files that people write, for completion and checks in an editor.

They are made from the pydantic models, and then told what the models do not see: ``${...}`` may stand for a value,
and a file with ``extend:`` says only what differs.
"""

from __future__ import annotations

from typing import Any

from sim.schema.architecture import KINDS, ArchitectureText
from sim.schema.validate import IDENTIFIER

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EXPRESSION = {"type": "string", "pattern": r"\$\{", "examples": ["${rows}", "${array.x} * 2"]}
_EXTEND = {"type": "string", "description": "a file beside this one, or a shipped name, that this one differs from"}
_AFTER = {"type": "string", "description": "the entry of the base after which this new one stands"}
_REMOVE = {"const": True, "description": "take this out of the base"}
_REMOVAL = {
    "type": "object",
    "properties": {"remove": _REMOVE},
    "required": ["remove"],
    "additionalProperties": False,
}
_ABOUT = ("description", "default", "examples")


def architecture_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of architecture files."""
    schema = _tidy(ArchitectureText.model_json_schema())
    definitions = schema.pop("$defs")
    schema["properties"]["extend"] = _EXTEND
    whole = {**definitions, "Architecture": schema}
    partial = {f"Partial{name}": _partial(definition) for name, definition in whole.items()}
    return {
        "$schema": DIALECT,
        "title": "tilenest architecture",
        "type": "object",
        "if": {"required": ["extend"]},
        "then": {"$ref": "#/$defs/PartialArchitecture"},
        "else": {"$ref": "#/$defs/Architecture"},
        "$defs": {**whole, **partial, "Expression": _EXPRESSION, "Removal": _REMOVAL},
    }


def _tidy(node: Any) -> Any:
    """Without nulls and titles, which no file has, and with expressions wherever a value may be computed."""
    if isinstance(node, list):
        return [_tidy(part) for part in node]
    if not isinstance(node, dict):
        return node
    out = {key: part for key, part in node.items() if not _is_noise(key, part)}
    options = [option for option in out.pop("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        return _tidy({**options[0], **out})
    if any(_is_computable(option) for option in options or [out]):
        about = {key: out.pop(key) for key in _ABOUT if key in out}
        tidied = [option if _is_computable(option) else _tidy(option) for option in options or [out]]
        return {**about, "anyOf": [*tidied, {"$ref": "#/$defs/Expression"}]}
    return {**{k: _tidy(v) for k, v in out.items()}, **({"anyOf": _tidy(options)} if options else {})}


def _is_noise(key: str, part: object) -> bool:
    return (key == "default" and part is None) or (key == "title" and isinstance(part, str))


def _is_computable(node: Schema) -> bool:
    """Whether a schema is one of a number, a truth value, a quantity or a fixed choice."""
    if node.get("pattern") == f"^{IDENTIFIER}$":
        return False
    narrowed = any(key in node and not isinstance(node[key], dict) for key in ("pattern", "enum", "const"))
    return narrowed or node.get("type") in ("number", "integer", "boolean")


def _partial(node: Any) -> Any:
    """The same for a file that extends another: nothing is required but names, and all can be removed."""
    if isinstance(node, list):
        return [_partial(part) for part in node]
    if not isinstance(node, dict):
        return node
    out = {key: _partial(part) for key, part in node.items()}
    if "$ref" in out and not out["$ref"].endswith("/Expression"):
        out["$ref"] = out["$ref"].replace("/$defs/", "/$defs/Partial")
    if "properties" in out:
        out["required"] = [key for key in out.get("required", []) if key in KINDS]
        own = {key: {"anyOf": [part, {"$ref": "#/$defs/Removal"}]} for key, part in out["properties"].items()}
        is_entry = not own.keys().isdisjoint(KINDS)
        out["properties"] = {**own, "after": _AFTER, "remove": _REMOVE} if is_entry else own
    return out
