"""``tilenest validate``: published numbers beside simulated ones."""

from __future__ import annotations

import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "validate",
        help="compare with published numbers",
        description="Runs what papers have measured, and prints their numbers beside ours, with the relative error "
        "and, where a number is not reproduced, why.",
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="which validations, e.g. eyeriss (default: all)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the rows as JSON")
    form.add_argument("--markdown", action="store_true", help="print the rows as Markdown")


def execute(args: argparse.Namespace) -> int:
    """Compute all rows and print them."""
    import json

    from sim.cli.output import progress, show
    from sim.report.validation import validation_page, validation_table
    from sim.validate.suites import suites

    asked = suites(args.names)
    with progress(sum(suite.steps for suite in asked.values()), mapper="sampled") as done:
        rows = [row for suite in asked.values() for row in suite.rows(done)]
    if args.json:
        print(json.dumps([row.to_dict() for row in rows], indent=2))
    elif args.markdown:
        print(validation_page(rows))
    else:
        show(validation_table(rows))
    return 0
