"""What the sample world's face styles look like: fifteen looks, as distributions that overlap.

A look is made of what a person can change (hair, make-up, light, backdrop, expression), so that a model has to
learn it across people of every skin tone and face shape. All of it is invented.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]
COLLAR, CROWN, RINGS, LINES = "collar", "crown", "earrings", "lines"


@dataclass(frozen=True)
class Look:
    """The middle of a style: hues and levels in [0, 1], bends in [-1, 1]."""

    hair: tuple[float, float, float]  # hue, saturation, value
    backdrop: tuple[float, float, float]
    lips: tuple[float, float, float]
    smile: float  # -1 stern, 1 laughing
    brows: float  # -1 worried, 1 severe
    volume: float  # of the hair around the face
    contrast: float  # of the light from the side
    extra: str = ""


LOOKS: dict[str, Look] = {
    "Aristocratic": Look((0.09, 0.35, 0.5), (0.62, 0.45, 0.35), (0.97, 0.45, 0.6), -0.1, 0.1, 0.3, 0.2, COLLAR),
    "Business": Look((0.07, 0.45, 0.22), (0.58, 0.12, 0.75), (0.99, 0.35, 0.60), 0.1, 0.2, 0.10, 0.1, COLLAR),
    "Fire": Look((0.04, 0.90, 0.75), (0.05, 0.75, 0.80), (0.99, 0.80, 0.70), 0.3, 0.5, 0.70, 0.3),
    "Fragile": Look((0.12, 0.25, 0.85), (0.55, 0.12, 0.92), (0.96, 0.22, 0.80), -0.2, -0.6, 0.30, 0.0),
    "Heroin": Look((0.08, 0.20, 0.30), (0.30, 0.15, 0.40), (0.95, 0.20, 0.45), -0.6, -0.3, 0.25, 0.5, LINES),
    "Inferno": Look((0.00, 0.70, 0.20), (0.02, 0.85, 0.40), (0.00, 0.85, 0.50), -0.3, 0.9, 0.60, 0.8),
    "Melting": Look((0.85, 0.35, 0.70), (0.83, 0.35, 0.75), (0.93, 0.45, 0.75), 0.0, -0.4, 0.55, 0.1),
    "Queen": Look((0.07, 0.55, 0.18), (0.78, 0.55, 0.45), (0.97, 0.75, 0.55), 0.1, 0.4, 0.55, 0.2, CROWN),
    "Renaissance": Look((0.07, 0.60, 0.50), (0.10, 0.55, 0.42), (0.02, 0.40, 0.62), 0.1, -0.2, 0.60, 0.5),
    "Serious": Look((0.06, 0.35, 0.20), (0.60, 0.08, 0.35), (0.99, 0.25, 0.50), -0.7, 0.6, 0.10, 0.3),
    "Soft": Look((0.08, 0.40, 0.65), (0.93, 0.18, 0.90), (0.96, 0.35, 0.78), 0.3, -0.4, 0.40, 0.0),
    "Strong": Look((0.06, 0.40, 0.12), (0.00, 0.00, 0.25), (0.99, 0.35, 0.52), -0.3, 0.8, 0.05, 0.7),
    "Sunny": Look((0.13, 0.65, 0.90), (0.15, 0.60, 0.95), (0.98, 0.50, 0.78), 0.9, 0.0, 0.45, 0.0),
    "Vintage": Look((0.06, 0.50, 0.30), (0.11, 0.30, 0.60), (0.99, 0.80, 0.60), 0.2, 0.1, 0.50, 0.1, RINGS),
    "Warm": Look((0.07, 0.60, 0.45), (0.08, 0.45, 0.78), (0.01, 0.45, 0.68), 0.6, -0.1, 0.35, 0.1),
}  # fmt: skip
STYLES = tuple(LOOKS)

#: How far a photo may stray from the middle of its look.
_SPREAD = {"hue": 0.03, "level": 0.13, "bend": 0.28}


def varied(look: Look, rng: np.random.Generator) -> Look:
    """A photo's own version of ``look``."""

    def colour(middle: tuple[float, float, float]) -> tuple[float, float, float]:
        hue, saturation, value = middle
        return (
            (hue + rng.normal(0, _SPREAD["hue"])) % 1.0,
            float(np.clip(saturation + rng.normal(0, _SPREAD["level"]), 0, 1)),
            float(np.clip(value + rng.normal(0, _SPREAD["level"]), 0.05, 1)),
        )

    def bend(middle: float, low: float = -1.0) -> float:
        return float(np.clip(middle + rng.normal(0, _SPREAD["bend"]), low, 1))

    return Look(
        colour(look.hair),
        colour(look.backdrop),
        colour(look.lips),
        bend(look.smile),
        bend(look.brows),
        bend(look.volume, 0.0),
        bend(look.contrast, 0.0),
        look.extra if rng.random() < 0.85 else "",
    )


def rgb(hsv: tuple[float, float, float], shade: float = 1.0) -> Colour:
    """A colour for Pillow, made darker or lighter by ``shade``."""
    red, green, blue = colorsys.hsv_to_rgb(*hsv)
    return (_byte(red * 255 * shade), _byte(green * 255 * shade), _byte(blue * 255 * shade))


def _byte(value: float) -> int:
    return int(min(255, max(0, value)))
