"""Image files made in memory for the tests."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

# Four flat corners tell any turn and any mirror: red, green / blue, yellow.
CORNERS = ((200, 40, 40), (40, 180, 60), (40, 60, 200), (220, 210, 50))


def corners(width: int = 96, height: int = 64) -> np.ndarray:
    """Draw a picture of four flat corners, (height, width, 3) uint8."""
    pixels = np.zeros((height, width, 3), np.uint8)
    w, h = width // 2, height // 2
    pixels[:h, :w], pixels[:h, w:], pixels[h:, :w], pixels[h:, w:] = CORNERS
    return pixels


def looks_like_corners(pixels: np.ndarray, tolerance: int = 14) -> bool:
    """Tell whether the middle of each corner has its colour."""
    height, width = pixels.shape[:2]
    at = [
        (height // 4, width // 4),
        (height // 4, -width // 4),
        (-height // 4, width // 4),
        (-height // 4, -width // 4),
    ]
    seen = np.array([pixels[y, x] for y, x in at], dtype=int)
    return bool((abs(seen - np.array(CORNERS)) <= tolerance).all())


def file_of(image: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    """Encode a picture in memory."""
    out = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> bytes:
    """Make an EXIF block that holds an orientation."""
    block = Image.Exif()
    block[274] = orientation
    return block.tobytes()


def stored_for(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn upright pixels to how a camera stores them under an orientation (CIPA DC-008, tag 274)."""
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, 1),
        7: np.rot90(pixels, 2).transpose(1, 0, 2),
        8: np.rot90(pixels, -1),
    }[orientation]
    return np.ascontiguousarray(stored)


def animation(kind: str, frames: int = 3) -> bytes:
    """Encode an animation whose first frame has the four corners."""
    later = [Image.fromarray(np.full((64, 96, 3), 20 + 30 * step, np.uint8)) for step in range(1, frames)]
    return file_of(corners(), kind, save_all=True, append_images=later, duration=50, loop=0)
