"""What other mappers make of the same layers on the same machines. ``python -m tests.bench.peers`` prints a table."""
