"""Runs real networks through imperfect hardware, and counts how often they are still right."""
