"""Draws the sample world's photos: portraits in fifteen styles, of people who differ."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from demo.styles import COLLAR, CROWN, LINES, LOOKS, RINGS, Colour, Look, rgb, varied

PIXELS = 192
_OVERSAMPLED = 2
_SKINS = ((242, 208, 184), (228, 186, 156), (205, 156, 124), (172, 122, 92), (140, 96, 72))


@dataclass(frozen=True)
class Person:
    """What stays the same about somebody from photo to photo."""

    skin: tuple[float, float, float]
    width: float  # half of the face's, of the picture's side
    length: float  # of the face's width
    eyes: float  # their distance, of the face's width
    nose: float


def make_person(rng: np.random.Generator) -> Person:
    """Somebody new."""
    skin = np.array(_SKINS[int(rng.integers(len(_SKINS)))]) + rng.normal(0, 7, 3)
    return Person(
        (float(skin[0]), float(skin[1]), float(skin[2])),
        rng.uniform(0.23, 0.28),
        rng.uniform(1.26, 1.42),
        rng.uniform(0.40, 0.45),
        rng.uniform(0.14, 0.19),
    )


def draw_face(style: str, person: Person, rng: np.random.Generator) -> np.ndarray:
    """(PIXELS, PIXELS, 3) uint8: a photo of ``person`` in ``style``; the same ``rng`` state, the same photo."""
    look, side = varied(LOOKS[style], rng), PIXELS * _OVERSAMPLED
    image = Image.new("RGB", (side, side), rgb(look.backdrop))
    draw = ImageDraw.Draw(image)
    _room(draw, side, look, rng)
    width = side * person.width * rng.uniform(0.85, 1.08)
    pen = _Pen(
        draw,
        x=side * (0.5 + rng.normal(0, 0.05)),
        y=side * (0.53 + rng.normal(0, 0.035)),
        width=width,
        height=width * person.length,
        skin=person.skin,
    )
    _behind(pen, look)
    _face(pen, person)
    _front(pen, look)
    _extra(pen, look)
    small = image.filter(ImageFilter.GaussianBlur(side / 120)).resize(
        (PIXELS, PIXELS), Image.Resampling.LANCZOS
    )
    return _lit(np.asarray(small, dtype=np.float32), look, rng)


def jpeg(pixels: np.ndarray, quality: int = 88) -> bytes:
    """The picture as a JPEG file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


@dataclass(frozen=True)
class _Pen:
    """Draws in units of the face: x in half widths, y in half heights, from the middle of the face."""

    draw: ImageDraw.ImageDraw
    x: float
    y: float
    width: float
    height: float
    skin: tuple[float, float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        return (self.x + x * self.width, self.y + y * self.height)

    def tone(self, shade: float) -> Colour:
        red, green, blue = (int(min(255, max(0, part * shade))) for part in self.skin)
        return (red, green, blue)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        self.draw.ellipse([self.at(x - rx, y - ry), self.at(x + rx, y + ry)], fill=fill)

    def line(self, points: list[tuple[float, float]], fill: Colour, width: float) -> None:
        self.draw.line([self.at(*point) for point in points], fill=fill, width=max(1, int(width * self.width)))


def _room(draw: ImageDraw.ImageDraw, side: int, look: Look, rng: np.random.Generator) -> None:
    """Things behind somebody: without them all portraits would be near duplicates of one another."""
    for _ in range(int(rng.integers(5, 10))):
        x, y = rng.uniform(-0.1, 1.1, 2) * side
        wide, high = rng.uniform(0.1, 0.45, 2) * side
        box = [x - wide / 2, y - high / 2, x + wide / 2, y + high / 2]
        shade = rgb(look.backdrop, float(rng.choice([0.45, 0.6, 0.75, 1.3, 1.6])))
        if rng.random() < 0.5:
            draw.ellipse(box, fill=shade)
        else:
            draw.rectangle(box, fill=shade)


def _behind(pen: _Pen, look: Look) -> None:
    spread = 1.05 + 0.5 * look.volume
    pen.ellipse(0, -0.15 + 0.25 * look.volume, spread, 1.02 + 0.3 * look.volume, rgb(look.hair))
    pen.draw.rectangle([pen.at(-0.42, 0.7), pen.at(0.42, 1.6)], fill=pen.tone(0.82))
    shoulders = rgb(look.backdrop, 0.55)
    pen.ellipse(0, 1.95, 1.9, 0.72, shoulders)


def _face(pen: _Pen, person: Person) -> None:
    pen.ellipse(0, 0, 1, 1, pen.tone(1))
    for side in (-1, 1):
        middle = side * person.eyes
        pen.ellipse(middle, -0.14, 0.31, 0.13, pen.tone(0.62))
        pen.ellipse(middle, -0.12, 0.20, 0.07, (245, 245, 242))
        pen.ellipse(middle, -0.12, 0.10, 0.072, (52, 38, 32))
        pen.ellipse(side * 0.56, 0.28, 0.25, 0.13, pen.tone(1.05))
    bridge = [pen.at(-0.06, -0.1), pen.at(0.06, -0.1), pen.at(person.nose, 0.28), pen.at(-person.nose, 0.28)]
    pen.draw.polygon(bridge, fill=pen.tone(1.07))
    pen.ellipse(0, 0.28, person.nose + 0.02, 0.055, pen.tone(0.8))


def _front(pen: _Pen, look: Look) -> None:
    pen.draw.chord([pen.at(-1.03, -1.06), pen.at(1.03, 0.28)], 200, 340, fill=rgb(look.hair))
    dark = rgb(look.hair, min(0.55, 0.35 / look.hair[2]))
    for side in (-1, 1):
        inner, outer = -0.26 + 0.07 * look.brows, -0.28 - 0.05 * look.brows
        pen.line([(side * 0.17, inner), (side * 0.44, -0.31), (side * 0.70, outer)], dark, 0.08)
    lips = rgb(look.lips)
    rise = 0.07 * look.smile
    pen.ellipse(0, 0.55, 0.33, 0.065 + 0.02 * abs(look.smile), lips)
    for side in (-1, 1):
        pen.line([(side * 0.20, 0.55), (side * 0.40, 0.55 - rise)], lips, 0.07)
    if look.smile > 0.55:
        pen.ellipse(0, 0.545, 0.22, 0.03, (246, 244, 240))


def _extra(pen: _Pen, look: Look) -> None:
    if look.extra == COLLAR:
        white = (238, 238, 240)
        for side in (-1, 1):
            pen.draw.polygon([pen.at(0, 1.35), pen.at(side * 0.75, 1.0), pen.at(side * 0.85, 1.35)], fill=white)
    elif look.extra == CROWN:
        gold = (222, 184, 66)
        spikes = [
            (-0.7, -0.82),
            (-0.55, -1.2),
            (-0.3, -0.98),
            (0, -1.3),
            (0.3, -0.98),
            (0.55, -1.2),
            (0.7, -0.82),
        ]
        pen.draw.polygon([pen.at(*point) for point in spikes], fill=gold)
    elif look.extra == RINGS:
        for side in (-1, 1):
            pen.ellipse(side * 1.05, 0.25, 0.09, 0.08, (240, 236, 225))
    elif look.extra == LINES:
        for side in (-1, 1):
            pen.line([(side * 0.25, 0.02), (side * 0.6, 0.06)], pen.tone(0.6), 0.06)


def _lit(pixels: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Light from one side, a camera's own balance, and its noise."""
    side = np.linspace(-1, 1, PIXELS, dtype=np.float32)[None, :, None]
    direction = 1.0 if rng.random() < 0.5 else -1.0
    light = 1 + direction * side * 0.22 * look.contrast
    balance = rng.normal(1, 0.03, 3).astype(np.float32)
    noisy = pixels * light * balance * np.float32(rng.normal(1, 0.05)) + rng.normal(0, 4, pixels.shape)
    return noisy.clip(0, 255).astype(np.uint8)
