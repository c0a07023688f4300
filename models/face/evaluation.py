"""Measure a face model on held-out photos, beside two baselines on the same photos."""

from models.images.measuring import MISTAKES, evaluate

__all__ = ["MISTAKES", "evaluate"]
