"""Readers of other programs' network files; each makes a `sim.workload.network.Network`."""
