"""What the parts of an architecture cost: energy, area, leakage and delay."""
