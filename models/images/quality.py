"""How sharp and how bright a picture is."""

from __future__ import annotations

import math

import cv2
import numpy as np

_SIDE = 256


def sharpness(pixels: np.ndarray) -> float:
    """Give the variance of the Laplacian of grey at 256 x 256 pixels' worth of area; low is blurred.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy" (2000).
    ``pixels``: (h, w, 3) uint8 RGB.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    ratio = _SIDE / math.sqrt(height * width)
    if ratio != 1:
        to = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        grey = cv2.resize(grey, to, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def brightness(pixels: np.ndarray) -> float:
    """Give the mean of grey, from 0 (black) to 1 (white). ``pixels``: (h, w, 3) uint8 RGB."""
    return float(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).mean() / 255)
