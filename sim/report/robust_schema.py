"""The JSON Schema of what ``tilenest robust --json`` writes (`sim.accuracy.robust.Study`)."""

from __future__ import annotations

from typing import Any

from sim.accuracy.axes import LEAST
from sim.accuracy.robust import SCHEMA

Schema = dict[str, Any]

_TEXT, _COUNT, _NUMBER, _FLAG = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}

_COST = {"energy_pj": _NUMBER, "latency_s": _NUMBER, "area_um2": _NUMBER}
_ROW = {
    "model": _TEXT,
    "what": _TEXT | {"description": "float, int8, int4, binary, array, an effect alone, or all"},
    "settings": {"type": "object", "additionalProperties": _TEXT, "description": "changes of the machine, by path"},
    "shares": {"type": "array", "items": _SHARE, "minItems": 1, "description": "of right answers, one for each chip"},
    "mean": _SHARE,
    "half_width": {
        "type": ["number", "null"],
        "description": "of the 95 % confidence interval of the mean over chips",
    },
}
_LAYER = {
    "name": _TEXT,
    "rows": _COUNT,
    "columns": _COUNT,
    "groups": _COUNT,
    "arrays": _COUNT,
    "cells": _SHARE | {"description": "share of the arrays' cells that hold something"},
    "clipped": _SHARE | {"description": "the largest share of a slice's sums that its ADCs clip"},
    "snr_db": {"type": ["number", "null"], "description": "null without any error"},
    "share": _SHARE | {"description": "of right answers where this layer alone is on noisy arrays"},
}


def robust_schema() -> Schema:
    """The JSON Schema (draft 2020-12). Fields may be added by later versions, so unknown ones are allowed."""
    cost = _or_null(_object(_COST)) | {"description": "of one sample, all its reads together"}
    budget = {"accuracy": _SHARE, "least": {"enum": list(LEAST)}}
    properties = {
        "schema": {"const": SCHEMA, "description": "name and version of this form"},
        "tilenest": _TEXT | {"description": "version of the program that wrote the file"},
        "arch": _TEXT,
        "dataset": _TEXT,
        "samples": _COUNT,
        "seeds": _listed(_COUNT, minItems=1, description="of the chips"),
        "reads": _COUNT | {"description": "how often each sample was computed; most answers count"},
        "recalibrated": _FLAG,
        "rows": _listed(_object(_ROW | {"cost": cost})),
        "layers": {"type": "object", "additionalProperties": _listed(_object(_LAYER)), "description": "by network"},
        "budget": _or_null(_object(budget)),
        "met": {"type": ["boolean", "null"], "description": "whether the last row reaches the budget"},
        "notes": _listed(_TEXT),
        "command": _TEXT,
    }
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "tilenest study of accuracy"}
    return head | _object(properties)


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _listed(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}
