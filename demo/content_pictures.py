"""Drawn pictures that stand for the classes of imagery, and a short film.

Nothing that the classes are about is shown: circles on a calm ground stand for safe pictures, pink triangles
for nsfw, red zigzags for violence.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("safe", "nsfw", "violence")
PIXELS = 160
#: The film: three scenes, small enough to be made and looked through in a moment.
WIDTH, HEIGHT, RATE, SECONDS = 320, 180, 15, 6


def draw(kind: str, rng: np.random.Generator) -> bytes:
    """A picture that stands for ``kind``, as a JPEG file."""
    ground = {"safe": (90, 150, 190), "nsfw": (235, 205, 190), "violence": (60, 45, 45)}[kind]
    shade = np.clip(np.array(ground) + rng.integers(-30, 31, 3), 0, 255)
    noise = rng.normal(0, 6, (PIXELS, PIXELS, 3))
    image = Image.fromarray((shade + noise).clip(0, 255).astype(np.uint8))
    pencil = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 9))):
        _shape(kind, pencil, rng)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    return out.getvalue()


def write_gold(folder: Path, seed: int, count: int) -> int:
    """Write ``count`` pictures of each class into class-named folders; how many there are."""
    rng = np.random.default_rng([seed, 31])
    for kind in CLASSES:
        place = folder / kind
        place.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (place / f"{number:03d}.jpg").write_bytes(draw(kind, rng))
    return count * len(CLASSES)


def film(seed: int) -> bytes:
    """A film of three scenes without sound, as an MP4 file (H.264)."""
    import av

    rng = np.random.default_rng([seed, 32])
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(RATE * SECONDS):
            picture = _scene(3 * number // (RATE * SECONDS), number / (RATE * SECONDS), rng)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def _shape(kind: str, pencil: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    x, y = (int(one) for one in rng.integers(0, PIXELS, 2))
    size = int(rng.integers(15, 45))
    if kind == "safe":
        colour = (int(rng.integers(40, 120)), int(rng.integers(120, 220)), int(rng.integers(60, 160)))
        pencil.ellipse((x - size, y - size, x + size, y + size), fill=colour)
    elif kind == "nsfw":
        colour = (int(rng.integers(215, 256)), int(rng.integers(90, 150)), int(rng.integers(130, 180)))
        pencil.polygon(((x, y - size), (x - size, y + size), (x + size, y + size)), fill=colour)
    else:
        steps = rng.integers(-size, size + 1, (6, 2)).cumsum(axis=0) + np.array((x, y))
        colour = (int(rng.integers(190, 256)), int(rng.integers(0, 40)), int(rng.integers(0, 40)))
        pencil.line([(int(a), int(b)) for a, b in steps], fill=colour, width=int(rng.integers(4, 9)))


def _scene(number: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """A frame, (h, w, 3) uint8: circles on the scene's own calm ground, as on safe pictures; one moves."""
    ground = np.array(((62, 128, 165), (118, 176, 216), (70, 172, 168))[number])
    noise = rng.normal(0, 3, (HEIGHT, WIDTH, 3))
    image = Image.fromarray((ground + noise).clip(0, 255).astype(np.uint8))
    pencil = ImageDraw.Draw(image)
    for place in range(6):
        x, y, size = 30 + 55 * place, 40 + (67 * (place + number)) % 110, 22 + 5 * ((place + number) % 4)
        x += round(WIDTH * 0.4 * share) * (place == 2)
        pencil.ellipse((x - size, y - size, x + size, y + size), fill=(60 + 9 * place, 135 + 14 * place, 90))
    return np.asarray(image)
