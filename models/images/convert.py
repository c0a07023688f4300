"""Pillow's modes to one: RGB, eight bits a channel."""

from __future__ import annotations

import numpy as np
from PIL import Image

_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")
_DEEP = ("I", "F")


def to_rgb(image: Image.Image) -> Image.Image:
    """Turn any mode into RGB: transparency over white, 16 bits to the upper 8, wider numbers stretched.

    ValueError where the numbers are not finite or the mode is not known.
    """
    if image.mode.startswith("I;16"):
        return Image.fromarray(_upper_byte(image)).convert("RGB")
    if image.mode in _DEEP:
        return Image.fromarray(_stretched(image)).convert("RGB")
    if image.mode in _ALPHA or "transparency" in image.info:
        return _over_white(image if image.mode == "RGBA" else image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    paper = Image.new("RGB", image.size, (255, 255, 255))
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _upper_byte(image: Image.Image) -> np.ndarray:
    return (np.asarray(image) >> 8).astype(np.uint8)


def _stretched(image: Image.Image) -> np.ndarray:
    """Spread 32-bit numbers, which have no agreed white, from their least to their greatest value."""
    values = np.asarray(image, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        raise ValueError("The picture has values that are not numbers.")
    if high == low:
        return np.full(values.shape, 128, dtype=np.uint8)
    return ((values - low) * (255 / (high - low)) + 0.5).astype(np.uint8)
