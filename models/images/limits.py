"""How large an image file may be, and how many pixels it may unfold to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageLimits:
    """Bounds on what is opened: bytes of the file, and pixels of the picture (width times height)."""

    max_bytes: int = 15_728_640
    max_pixels: int = 50_000_000
