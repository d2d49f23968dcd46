"""The JSON Schema of what ``tilenest run --json`` writes, derived from the dataclasses of `sim.results`."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from sim.layouts import Crossbar, Systolic
from sim.mapping.counts import Actions
from sim.results import SCHEMA, Breakdown, Group, LayerResult, Provenance, Result, Stored, Totals

Schema = dict[str, Any]

_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean"}
_ATTRIBUTE = re.compile(r"^    ([\w, ]+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def result_schema() -> Schema:
    """The JSON Schema (draft 2020-12).

    Fields may be added, by engines and by later versions, so unknown ones are allowed; none is ever renamed.
    """
    about, types_ = _about(Result), get_type_hints(Result)

    def fields(**names: str) -> Schema:
        """Fields of a result, by the names that they have in JSON."""
        made = {key: _typed(types_[name], about[name]) for key, name in names.items()}
        return {"type": "object", "properties": made, "required": list(made)}

    properties = {
        "schema": {"const": SCHEMA, "description": "name and version of this form"},
        "tilenest": {"type": "string", "description": "version of the program that wrote the file"},
        "provenance": _typed(Provenance, "what the result came from"),
        "arch": fields(name="arch", levels="levels", pes="pes", clock_hz="clock_hz", area_um2="area_um2")
        | {"description": "the machine"},
        "workload": fields(name="workload", batch="batch") | {"description": "the network"},
        "totals": _typed(Totals, "the layers together, one after the other"),
        "layers": _typed(types_["layers"], about["layers"]),
        "notes": _typed(types_["notes"], about["notes"]),
        "groups": _typed(types_["groups"], about["groups"]),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tilenest result",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "$defs": {
            cls.__name__: _object(cls)
            for cls in (Provenance, Totals, LayerResult, Group, Systolic, Crossbar, Breakdown, Actions, Stored)
        },
    }


def _object(cls: type) -> Schema:
    about = _about(cls)
    properties = {name: _typed(hint, about[name]) for name, hint in get_type_hints(cls).items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _about(cls: type) -> dict[str, str]:
    """What a docstring says of each attribute."""
    out = {}
    for names, text in _ATTRIBUTE.findall((inspect.getdoc(cls) or "").partition("Attributes:")[2]):
        out.update(dict.fromkeys(names.split(", "), " ".join(text.split()).rstrip(".")))
    return out


def _typed(hint: Any, description: str = "") -> Schema:
    """The schema of a type: numbers, text, optional ones, lists, mappings with names as keys, dataclasses."""
    about = {"description": description} if description else {}
    arguments = get_args(hint)
    if hint in _PLAIN:
        return {"type": _PLAIN[hint], **about}
    if is_dataclass(hint):
        return {"$ref": f"#/$defs/{hint.__name__}", **about}  # type: ignore[union-attr]
    if get_origin(hint) is types.UnionType:
        (some,) = (part for part in arguments if part is not types.NoneType)
        if isinstance(some, type) and is_dataclass(some):
            return {"anyOf": [{"$ref": f"#/$defs/{some.__name__}"}, {"type": "null"}], **about}
        return {"type": [_PLAIN[some], "null"], **about}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _typed(arguments[0]), **about}
    assert get_origin(hint) is Mapping, hint
    return {"type": "object", "additionalProperties": _typed(arguments[1]), **about}
