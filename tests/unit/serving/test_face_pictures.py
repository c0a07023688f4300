"""Pictures of every kind, over HTTP: each is answered as the plain picture it shows, or has its reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo.photos import question

#: Drawn, upright, and not square: a turned one cannot pass for it.
UPRIGHT = Image.open(io.BytesIO(question(7)[1])).convert("RGB").crop((40, 0, 400, 448)).resize((180, 224))


def file(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def turned(orientation: int) -> bytes:
    """The picture as a camera held otherwise writes it: turned, with a note of how."""
    ways = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    exif = Image.Exif()
    exif[0x0112] = orientation
    return file(UPRIGHT.transpose(ways[orientation]), exif=exif)


def see_through() -> tuple[bytes, bytes]:
    """Half of the picture transparent, and the same on white."""
    alpha = Image.fromarray(np.repeat([[0], [255]], 112, axis=0).astype(np.uint8) * np.ones((1, 180), np.uint8))
    clear = UPRIGHT.copy()
    clear.putalpha(alpha)
    white = Image.new("RGB", UPRIGHT.size, "white")
    white.paste(UPRIGHT, mask=alpha)
    return file(clear), file(white)


def grey() -> tuple[bytes, bytes]:
    return file(UPRIGHT.convert("L")), file(UPRIGHT.convert("L").convert("RGB"))


def animated() -> tuple[bytes, bytes]:
    """Several frames, and the first alone."""
    others = [Image.new("RGB", UPRIGHT.size, colour) for colour in ("red", "blue")]
    return file(UPRIGHT, append_images=others, save_all=True), file(UPRIGHT)


def seen(service: Any, data: bytes) -> dict[str, Any]:
    answer = service.predict([data])
    assert answer.status_code == 200, answer.text
    entry: dict[str, Any] = answer.json()["photos"][0]
    del entry["sha256"]
    return entry


def close(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one["face_box"] == other["face_box"]
    assert (one["width"], one["height"]) == (other["width"], other["height"])
    assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photo_on_its_side_is_set_upright_before_it_is_looked_at(face: Any, orientation: int) -> None:
    upright = seen(face, file(UPRIGHT))
    assert (upright["width"], upright["height"]) == (180, 224)
    close(seen(face, turned(orientation)), upright)


@pytest.mark.parametrize("pair", [see_through, grey, animated])
def test_transparency_grey_and_animation_are_seen_as_the_plain_picture(
    face: Any, pair: Callable[[], tuple[bytes, bytes]]
) -> None:
    one, other = pair()
    close(seen(face, one), seen(face, other))


def test_cmyk_palette_and_sixteen_bit_pictures_are_answered(face: Any) -> None:
    deep = Image.fromarray(np.asarray(UPRIGHT.convert("L")).astype(np.uint16) * 257)
    for data in (
        file(UPRIGHT.convert("CMYK"), "JPEG", quality=95),
        file(UPRIGHT.convert("P")),
        file(deep),
        file(UPRIGHT, "WEBP"),
        file(UPRIGHT, "GIF"),
        file(UPRIGHT, "BMP"),
        file(UPRIGHT, "TIFF"),
    ):
        entry = seen(face, data)
        assert (entry["width"], entry["height"]) == (180, 224)


def test_a_large_photo_has_its_face_box_in_its_own_pixels(face: Any) -> None:
    large = UPRIGHT.resize((180 * 12, 224 * 12), Image.Resampling.BICUBIC)
    small, big = seen(face, file(UPRIGHT)), seen(face, file(large, "JPEG", quality=90))
    assert (big["width"], big["height"]) == (2160, 2688)
    assert small["face_box"], "the drawn face is found"
    assert big["face_box"] == pytest.approx([12 * side for side in small["face_box"]], rel=0.15, abs=60)


def test_a_small_file_that_unfolds_to_hundreds_of_megapixels_is_refused_unopened(face: Any) -> None:
    bomb = file(Image.new("1", (20_000, 20_000)))
    assert len(bomb) < 100_000
    body = face.predict([bomb, file(UPRIGHT)]).json()
    assert body["photos"][0]["error"]["reason"] == "too many pixels"
    assert body["count"] == 1


def test_the_limits_are_those_of_the_settings(make_ready_face: Callable[..., Any]) -> None:
    service = make_ready_face(image_max_bytes=20_000, image_max_pixels=30_000)
    noise = np.random.default_rng(1).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    heavy, wide, fine = (
        file(Image.fromarray(noise)),
        file(Image.new("RGB", (200, 200))),
        file(UPRIGHT.resize((90, 112)), "JPEG"),
    )
    entries = service.predict([heavy, wide, fine]).json()["photos"]
    assert [entry.get("error", {}).get("reason") for entry in entries] == [
        "file too large", "too many pixels", None
    ]  # fmt: skip


def test_a_picture_without_a_face_is_answered_and_says_so(face: Any) -> None:
    entry = seen(face, file(Image.new("RGB", (224, 224), (90, 120, 90))))
    assert (entry["face_box"], entry["faces"]) == (None, 0)
