"""tilenest: what does this neural network cost on that accelerator, and does it still work there?"""

__version__ = "0.1.0"
