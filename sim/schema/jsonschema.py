"""JSON Schemas of the files that people write, for completion and checks in an editor.

They are made from the pydantic models, and then told what the models do not see: ``${...}`` may stand for a value,
and a file with ``extend:`` says only what differs.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sim.schema import architecture, layer_base
from sim.schema.architecture import ArchitectureText
from sim.schema.blocks import UseText
from sim.schema.dataflow import DataflowText
from sim.schema.mapping import MappingText
from sim.schema.validate import IDENTIFIER, Strict
from sim.schema.workload import WorkloadText

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
    return _whole("architecture", ArchitectureText, architecture.KINDS)


def workload_schema() -> Schema:
    """The JSON Schema of workload files."""
    schema = _whole("workload", WorkloadText, (*layer_base.KINDS, "block"), UseText)
    for prefix in ("", "Partial"):
        definitions = schema["$defs"]
        entries = definitions[f"{prefix}Workload"]["properties"]["layers"]
        entries = entries["anyOf"][0] if prefix else entries
        entries["items"]["oneOf"].append({"$ref": f"#/$defs/{prefix}UseText"})
        block = definitions[f"{prefix}BlockText"]["properties"]["layers"]
        (block["anyOf"][0] if prefix else block)["items"] = entries["items"]
        for model in dict.fromkeys(layer_base.KINDS.values()):
            # Of several keys that say what a layer is, pydantic requires none.
            definitions[f"{prefix}{model.__name__}"]["anyOf"] = [{"required": [kind]} for kind in model.kinds]
    return schema


def dataflow_schema() -> Schema:
    """The JSON Schema of dataflow files."""
    return _whole("dataflow", DataflowText)


def mapping_schema() -> Schema:
    """The JSON Schema of files of hand-written mappings."""
    return _whole("mapping", MappingText)


def _whole(noun: str, model: type[Strict], kinds: Collection[str] = (), *others: type[Strict]) -> Schema:
    """The schema of a kind of file.

    Args:
        kinds: keys that say what an entry of a named list is, and hold its name.
        others: models of entries that `model` does not lead to.
    """
    schema = _tidy(model.model_json_schema())
    definitions = schema.pop("$defs", {})
    definitions |= {m.__name__: _tidy(m.model_json_schema()) for m in others}
    schema["properties"]["extend"] = _EXTEND
    whole = {**definitions, noun.capitalize(): schema}
    partial = {f"Partial{name}": _partial(definition, kinds) for name, definition in whole.items()}
    return {
        "$schema": DIALECT,
        "title": f"tilenest {noun}",
        "type": "object",
        "if": {"required": ["extend"]},
        "then": {"$ref": f"#/$defs/Partial{noun.capitalize()}"},
        "else": {"$ref": f"#/$defs/{noun.capitalize()}"},
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


def _partial(node: Any, kinds: Collection[str]) -> Any:
    """The same for a file that extends another: nothing is required but names, and all can be removed."""
    if isinstance(node, list):
        return [_partial(part, kinds) for part in node]
    if not isinstance(node, dict):
        return node
    out = {key: _partial(part, kinds) for key, part in node.items()}
    if "$ref" in out and not out["$ref"].endswith("/Expression"):
        out["$ref"] = out["$ref"].replace("/$defs/", "/$defs/Partial")
    if "properties" in out:
        out["required"] = [key for key in out.get("required", []) if key in kinds]
        own = {key: {"anyOf": [part, {"$ref": "#/$defs/Removal"}]} for key, part in out["properties"].items()}
        is_entry = not own.keys().isdisjoint(kinds)
        out["properties"] = {**own, "after": _AFTER, "remove": _REMOVE} if is_entry else own
    return out
