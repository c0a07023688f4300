"""Drawn portraits: faces that detectors find; the random generator gives the person, a number the look."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

_SKIN = ((240, 205, 180), (224, 180, 150), (200, 150, 120), (150, 105, 80))


@dataclass(frozen=True)
class Style:
    """What all pictures of one style share: colours, and the strength of the light from one side."""

    background: Colour
    hair: Colour
    lips: Colour
    light: float
    fringe: float  # how far the hair comes down on the forehead


@dataclass(frozen=True)
class Head:
    """Where the head is, in pixels: its middle, and half its width and height."""

    x: float
    y: float
    w: float
    h: float

    def box(self, left: float, top: float, right: float, bottom: float) -> Box:
        """Give a box in units of half the head's width and height."""
        return (
            self.x + left * self.w,
            self.y + top * self.h,
            self.x + right * self.w,
            self.y + bottom * self.h,
        )


def style_of(number: int) -> Style:
    """Make the look of a style out of its number: neighbours differ in hue by the golden angle."""
    hue = (number * 0.618034) % 1.0
    return Style(
        background=_colour(hue, 0.55, 0.55 + 0.3 * (number % 3) / 2),
        hair=((40, 25, 20), (90, 60, 30), (200, 170, 90), (150, 50, 30), (110, 110, 115))[number % 5],
        lips=_colour((hue * 0.15 + 0.93) % 1.0, 0.65, 0.5 + 0.1 * (number % 4)),
        light=(-0.25, 0.0, 0.25)[number % 3],
        fringe=0.2 + 0.1 * (number % 2),
    )


def draw_portrait(rng: np.random.Generator, size: int, style: int) -> np.ndarray:
    """Draw a portrait, (size, size, 3) uint8 RGB: ``rng`` gives the person, ``style`` the look."""
    side = max(2 * size, 192)
    look = style_of(style)
    width = side * rng.uniform(0.24, 0.3)
    head = Head(
        x=side * (0.5 + rng.uniform(-0.06, 0.06)),
        y=side * (0.52 + rng.uniform(-0.05, 0.05)),
        w=width,
        h=width * rng.uniform(1.25, 1.4),
    )
    skin = np.array(_SKIN[rng.integers(len(_SKIN))]) + rng.integers(-8, 9)
    image = Image.new("RGB", (side, side), _near(look.background, rng))
    pen = ImageDraw.Draw(image)
    _draw_room(pen, side, look.background, rng)
    _draw_head(pen, head, skin, _near(look.hair, rng), look.fringe)
    for at in (-1.0, 1.0):
        _draw_eye(pen, head, at, skin, look.hair)
    _draw_nose_and_mouth(pen, head, skin, look.lips)
    image = image.filter(ImageFilter.GaussianBlur(side / 110)).resize((size, size), Image.Resampling.LANCZOS)
    light = 1 + look.light * np.linspace(-1, 1, size)[None, :, None]
    pixels = np.asarray(image) * light + rng.normal(0, 5, (size, size, 3))
    return pixels.clip(0, 255).astype(np.uint8)


def _draw_room(pen: ImageDraw.ImageDraw, side: int, background: Colour, rng: np.random.Generator) -> None:
    """Put a few shapes behind the person, in tones of the background: no two photos are taken in one place."""
    for _ in range(4):
        x, y = rng.uniform(0, side, 2)
        w, h = rng.uniform(side * 0.1, side * 0.4, 2)
        pen.ellipse((x - w, y - h, x + w, y + h), fill=_tone(np.array(background), rng.uniform(0.6, 1.4)))


def _draw_head(pen: ImageDraw.ImageDraw, head: Head, skin: np.ndarray, hair: Colour, fringe: float) -> None:
    pen.ellipse(head.box(-1.15, -1.15, 1.15, 0.8), fill=hair)
    pen.rectangle(head.box(-0.4, 0.7, 0.4, 1.4), fill=_tone(skin, 0.85))
    pen.ellipse(head.box(-1, -1, 1, 1), fill=_tone(skin))
    pen.chord(head.box(-1.02, -1.05, 1.02, fringe), 200, 340, fill=hair)


def _draw_eye(pen: ImageDraw.ImageDraw, head: Head, at: float, skin: np.ndarray, hair: Colour) -> None:
    x, y = at * 0.42, -0.12
    pen.ellipse(head.box(x - 0.3, y - 0.13, x + 0.3, y + 0.11), fill=_tone(skin, 0.72))
    pen.ellipse(head.box(x - 0.2, y - 0.07, x + 0.2, y + 0.07), fill=(245, 245, 245))
    pen.ellipse(head.box(x - 0.1, y - 0.075, x + 0.1, y + 0.075), fill=(50, 35, 30))
    brow = head.box(x - 0.26, y - 0.2, x + 0.26, y - 0.22)
    pen.line(brow, fill=_tone(np.array(hair), 0.8), width=max(1, int(head.w * 0.09)))
    cheek = at * 0.55
    pen.ellipse(head.box(cheek - 0.25, 0.15, cheek + 0.25, 0.4), fill=_tone(skin, 1.04))


def _draw_nose_and_mouth(pen: ImageDraw.ImageDraw, head: Head, skin: np.ndarray, lips: Colour) -> None:
    left, top, right, bottom = head.box(-0.16, -0.12, 0.16, 0.28)
    bridge = head.w * 0.1
    pen.polygon(
        [(left + bridge, top), (right - bridge, top), (right, bottom), (left, bottom)], fill=_tone(skin, 1.06)
    )
    pen.ellipse(head.box(-0.18, 0.22, 0.18, 0.33), fill=_tone(skin, 0.8))
    pen.ellipse(head.box(-0.36, 0.48, 0.36, 0.62), fill=lips)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _tone(colour: np.ndarray, factor: float = 1.0) -> Colour:
    red, green, blue = (int(value) for value in (colour * factor).clip(0, 255))
    return red, green, blue


def _near(colour: Colour, rng: np.random.Generator) -> Colour:
    return _tone(np.array(colour) + rng.integers(-18, 19, 3))
