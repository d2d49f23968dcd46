"""``tilenest schema``: JSON Schemas of what people write and of the results."""

from __future__ import annotations

import argparse

KINDS = ("arch", "workload", "dataflow", "mapping", "result", "robust")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "schema",
        help="print a JSON Schema, e.g. for completion in an editor",
        description="Prints the JSON Schema (draft 2020-12) of a kind of file, or of what `run --json` (result) and "
        "`robust --json` write.",
    )
    parser.add_argument("kind", choices=KINDS)


def execute(args: argparse.Namespace) -> int:
    """Print it."""
    import json

    from sim.report.result_schema import result_schema
    from sim.report.robust_schema import robust_schema
    from sim.schema import jsonschema

    schemas = {
        "arch": jsonschema.architecture_schema,
        "workload": jsonschema.workload_schema,
        "dataflow": jsonschema.dataflow_schema,
        "mapping": jsonschema.mapping_schema,
        "result": result_schema,
        "robust": robust_schema,
    }
    print(json.dumps(schemas[args.kind](), indent=2))
    return 0
