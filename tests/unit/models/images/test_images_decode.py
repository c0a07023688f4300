"""Every kind of picture comes out as upright RGB pixels of its own colours."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.images.decode import ImageInvalid, decode_base64, decode_image, thumbnail
from models.images.formats import OPENED
from models.images.limits import ImageLimits
from tests.unit.models.images.files import animation, corners, exif, file_of, looks_like_corners, stored_for

LIMITS = ImageLimits()


@pytest.mark.parametrize("kind", OPENED)
def test_each_format_keeps_size_and_colours(kind: str) -> None:
    picture = decode_image(file_of(corners(), kind), LIMITS)

    assert (picture.width, picture.height, picture.format) == (96, 64, kind)
    assert (picture.frames, picture.scale) == (1, 1.0)
    assert picture.pixels.shape == (64, 96, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.writeable
    assert picture.pixels.flags.c_contiguous
    assert looks_like_corners(picture.pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(kind: str, orientation: int) -> None:
    data = file_of(stored_for(corners(), orientation), kind, exif=exif(orientation))

    picture = decode_image(data, LIMITS)

    assert (picture.width, picture.height) == (96, 64)
    assert looks_like_corners(picture.pixels)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_reduced_picture_is_upright_and_tells_its_scale(orientation: int) -> None:
    data = file_of(stored_for(corners(1600, 1200), orientation), "JPEG", exif=exif(orientation))

    picture = decode_image(data, LIMITS, shortest=224)

    assert (picture.width, picture.height) == (1600, 1200)
    assert picture.pixels.shape == (300, 400, 3)
    assert picture.scale == 0.25
    assert looks_like_corners(picture.pixels)


@pytest.mark.parametrize("shortest", [1, 100, 150, 299, 300, 301, 600, 601, 1200, 5000])
def test_reduction_never_goes_below_what_is_asked(shortest: int) -> None:
    picture = decode_image(file_of(corners(1601, 1203), "JPEG"), LIMITS, shortest=shortest)

    assert min(picture.pixels.shape[:2]) >= min(shortest, 1203)
    assert picture.pixels.shape[1] == pytest.approx(1601 * picture.scale, abs=1)


def test_a_bad_orientation_is_taken_as_upright() -> None:
    picture = decode_image(file_of(corners(), "JPEG", exif=exif(77)), LIMITS)

    assert looks_like_corners(picture.pixels)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparency_turns_white(kind: str) -> None:
    pixels = np.dstack([corners(), np.full((64, 96), 255, np.uint8)])
    pixels[:32, :48, 3] = 0

    picture = decode_image(file_of(pixels, kind, **({"lossless": True} if kind == "WEBP" else {})), LIMITS)

    assert picture.pixels[10, 10].min() >= 250
    assert abs(picture.pixels[50, 80].astype(int) - (220, 210, 50)).max() < 14


def test_half_transparency_is_mixed_with_white() -> None:
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[..., 3] = 128

    assert abs(int(decode_image(file_of(pixels, "PNG"), LIMITS).pixels.mean()) - 127) <= 1


def palette_image(transparency: Any = None) -> bytes:
    image = Image.fromarray(corners()).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    return file_of(image, "PNG", **({} if transparency is None else {"transparency": transparency}))


def test_a_palette_keeps_its_colours() -> None:
    assert looks_like_corners(decode_image(palette_image(), LIMITS).pixels)


def test_transparent_entries_of_a_palette_turn_white_without_a_warning() -> None:
    assert decode_image(palette_image(bytes([0] * 8)), LIMITS).pixels.min() >= 254
    assert (decode_image(palette_image(0), LIMITS).pixels >= 254).all(axis=2).any()


def test_a_transparent_colour_of_a_picture_without_alpha_turns_white() -> None:
    data = file_of(corners(), "PNG", transparency=(200, 40, 40))

    assert decode_image(data, LIMITS).pixels[10, 10].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_grey_becomes_three_equal_channels(kind: str) -> None:
    grey = np.tile(np.linspace(0, 255, 96, dtype=np.uint8), (64, 1))

    pixels = decode_image(file_of(grey, kind), LIMITS).pixels.astype(int)

    assert abs(pixels[..., 0] - pixels[..., 2]).max() <= 2
    assert abs(pixels[..., 1] - grey).max() <= 8


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_brightness(kind: str) -> None:
    deep = np.tile(np.linspace(0, 65_535, 96).astype(np.uint16), (64, 1))

    pixels = decode_image(file_of(Image.fromarray(deep), kind), LIMITS).pixels

    assert abs(pixels[..., 0].astype(int) - (deep >> 8)).max() <= 1


@pytest.mark.parametrize("values", [np.linspace(0, 1, 96), np.linspace(-5000, 90_000, 96)])
def test_floating_point_pixels_are_stretched(values: np.ndarray) -> None:
    data = file_of(Image.fromarray(np.tile(values.astype(np.float32), (64, 1))), "TIFF")

    row = decode_image(data, LIMITS).pixels[0, :, 1].astype(int)

    assert (row[0], row[-1]) == (0, 255)
    assert (np.diff(row) >= 0).all()


def test_one_bit_is_black_and_white() -> None:
    image = Image.fromarray(corners()).convert("1", dither=Image.Dither.NONE)

    assert set(np.unique(decode_image(file_of(image, "PNG"), LIMITS).pixels)) == {0, 255}


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_print_colours_are_not_inverted(kind: str) -> None:
    picture = decode_image(file_of(Image.fromarray(corners()).convert("CMYK"), kind), LIMITS)

    assert looks_like_corners(picture.pixels)


@pytest.mark.parametrize("mode", ["YCbCr", "LAB"])
def test_other_colour_spaces_of_tiff_are_turned_to_rgb(mode: str) -> None:
    if mode == "LAB":
        image = Image.merge("LAB", [Image.new("L", (20, 20), value) for value in (255, 128, 128)])
        assert decode_image(file_of(image, "TIFF"), LIMITS).pixels.min() > 240
    else:
        data = file_of(Image.fromarray(corners()).convert(mode), "TIFF")
        assert looks_like_corners(decode_image(data, LIMITS).pixels)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken_and_the_frames_are_counted(kind: str) -> None:
    picture = decode_image(animation(kind, frames=5), LIMITS)

    assert picture.frames == 5
    assert looks_like_corners(picture.pixels, tolerance=30)


def test_a_first_frame_smaller_than_its_canvas_stands_on_it() -> None:
    data = bytearray(file_of(corners(), "GIF"))
    data[6:10] = (200).to_bytes(2, "little") + (100).to_bytes(2, "little")

    picture = decode_image(bytes(data), LIMITS)

    assert (picture.width, picture.height) == (200, 100)
    assert looks_like_corners(picture.pixels[:64, :96], tolerance=30)


def test_a_picture_of_one_pixel_is_a_picture() -> None:
    assert decode_image(file_of(np.zeros((1, 1, 3), np.uint8), "PNG"), LIMITS).pixels.shape == (1, 1, 3)


def test_a_picture_of_exactly_the_bound_is_opened_and_one_row_more_is_not() -> None:
    data = file_of(corners(96, 64), "PNG")

    assert decode_image(data, ImageLimits(max_pixels=96 * 64)).width == 96
    with pytest.raises(ImageInvalid, match="too many pixels"):
        decode_image(data, ImageLimits(max_pixels=96 * 64 - 1))


def test_many_threads_get_the_same_pixels_as_one() -> None:
    files = [file_of(corners(), kind) for kind in OPENED]
    files += [file_of(stored_for(corners(), turn), "JPEG", exif=exif(turn)) for turn in range(1, 9)]
    files += [animation("GIF"), palette_image(bytes([0] * 8))]
    expected = [decode_image(data, LIMITS).pixels for data in files]

    with ThreadPoolExecutor(16) as pool:
        rounds = list(pool.map(lambda at: decode_image(files[at % len(files)], LIMITS).pixels, range(400)))

    assert all(np.array_equal(pixels, expected[at % len(files)]) for at, pixels in enumerate(rounds))


@pytest.mark.parametrize(
    "prefix", ["", "data:image/png;base64,", "DATA:;base64,", "data:image/png;name=a.png;base64,"]
)
def test_base64_is_read_plain_and_as_a_data_url(prefix: str) -> None:
    data = file_of(corners(), "PNG")

    assert decode_base64(prefix + base64.b64encode(data).decode(), LIMITS) == data


def test_base64_may_have_line_breaks_and_lack_its_padding() -> None:
    text = base64.encodebytes(
        b"\xff\xd8\xff\xe0 some bytes of a file that is long enough for two lines"
    ).decode()

    assert decode_base64(text.rstrip().rstrip("="), LIMITS) == base64.b64decode(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty file"),
        ("data:image/png;base64,", "empty file"),
        ("hello, world!", "not base64"),
        ("ünicode", "not base64"),
        ("data:image/png,plain", "not base64"),
        ("A", "not base64"),
        ("https://example.com/a.jpg", "not base64"),
        ("AAAA" * 400, "file too large"),
    ],
)
def test_what_is_not_base64_of_a_fitting_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ImageInvalid) as refused:
        decode_base64(text, ImageLimits(max_bytes=1000))

    assert refused.value.reason == reason


@pytest.mark.parametrize(("size", "expected"), [(48, (48, 32)), (500, (96, 64))])
def test_a_thumbnail_fits_its_longest_side_and_is_never_enlarged(size: int, expected: tuple[int, int]) -> None:
    small = decode_image(thumbnail(file_of(corners(), "PNG"), LIMITS, size), LIMITS)

    assert (small.width, small.height, small.format) == (*expected, "JPEG")
    assert looks_like_corners(small.pixels)


def test_a_thumbnail_is_upright_and_carries_no_metadata() -> None:
    data = thumbnail(file_of(stored_for(corners(), 6), "JPEG", exif=exif(6)), LIMITS, 96)

    assert b"Exif" not in data
    assert looks_like_corners(decode_image(data, LIMITS).pixels)


def test_a_blurred_thumbnail_has_soft_edges() -> None:
    data = file_of(corners(), "PNG")
    sharp, soft = (decode_image(thumbnail(data, LIMITS, 96, blur=blur), LIMITS).pixels for blur in (0, 6))

    steps = [int(abs(np.diff(pixels[..., 0].astype(int), axis=1)).max()) for pixels in (sharp, soft)]
    assert steps[1] < steps[0] / 3


def test_a_thumbnail_of_a_long_strip_keeps_a_pixel_of_height() -> None:
    small = decode_image(thumbnail(file_of(corners(2000, 4), "PNG"), LIMITS, 64), LIMITS)

    assert (small.width, small.height) == (64, 1)
