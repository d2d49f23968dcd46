"""What became of an imported model's operators, as a table."""

from __future__ import annotations

from collections import Counter

from rich import box
from rich.table import Table

from sim.workload.importers.onnx import summary
from sim.workload.network import Network

_STYLES = {"mapped": "green", "vector": "cyan", "view": "dim", "unsupported": "bold red"}
_MEANING = {
    "mapped": "multiplies and accumulates; has a loop nest",
    "vector": "moves words; costs energy and time",
}


def import_table(network: Network) -> Table:
    """Operators of a kind together; those that are not supported one by one."""
    rows: Counter[tuple[str, str, str]] = Counter()
    for row in summary(network):
        about = {"view": row.detail, "unsupported": f"{row.name}: {row.detail}"}.get(
            row.status, _MEANING.get(row.status)
        )
        if row.status == "vector" and row.detail.startswith("fused"):
            about = "fused into the layer before; costs nothing of its own"
        rows[row.status, row.op, about or ""] += 1
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title=f"{network.name}: what became of its operators",
        title_justify="left",
    )
    for heading in ("status", "operator", "number", ""):
        table.add_column(heading, justify="right" if heading == "number" else "left")
    order = list(_STYLES)
    for (status, op, about), number in sorted(rows.items(), key=lambda item: (order.index(item[0][0]), item[0][1:])):
        table.add_row(status, op, str(number), about, style=_STYLES[status])
    return table
