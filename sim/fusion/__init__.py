"""Fusing: layers that hand tensors to each other through a memory on the chip, tile by tile."""
