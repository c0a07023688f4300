"""Experiments: what they are defined by, how they choose, and what their figures say. Pure, no I/O."""
