"""What is not a whole picture is refused with its reason, quickly and without a warning."""

from __future__ import annotations

import io
import pickle
import struct
import time
import tracemalloc
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.images.decode import ImageInvalid, decode_image
from models.images.formats import OPENED
from models.images.limits import ImageLimits
from tests.unit.models.images.files import animation, corners, exif, file_of
from tests.unit.models.images.portraits import draw_portrait

LIMITS = ImageLimits()


def refusal(data: bytes, limits: ImageLimits = LIMITS) -> str:
    with pytest.raises(ImageInvalid) as refused:
        decode_image(data, limits)
    return refused.value.reason


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as bundle:
        bundle.writestr("a.jpg", file_of(corners(), "JPEG"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"hello", "not an image"),
        (b"\x00" * 500, "not an image"),
        (b"\n <!DOCTYPE html><html><body>404</body>", "a web page is not an image"),
        (b"<html><img src='a.jpg'></html>", "a web page is not an image"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawings are not opened"),
        (b"<svg/>", "SVG drawings are not opened"),
        (b"%PDF-1.7\n%...", "a PDF is not opened as an image"),
        (archive(), "a ZIP archive is not opened as an image"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1", "HEIC pictures are not opened"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42", "a video is not opened as an image"),
        (b"\xff\xd8\xff", "broken image"),
        (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8, "broken image"),
        (b"\x89PNG\r\n\x1a\n", "broken image"),
        (b"\x89PNG\r\n\x1a\n" + b"garbage!" * 40, "broken image"),
        (b"GIF89a", "broken image"),
        (b"GIF89a" + b"\xff" * 300, "broken image"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "broken image"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 " + b"\x07" * 300, "broken image"),
        (b"BM", "broken image"),
        (b"BM" + b"\x05" * 300, "broken image"),
        (b"II*\x00", "broken image"),
        (b"MM\x00*" + b"\x00\x00\x00\x08" + b"\xff" * 300, "broken image"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1" + b"\x01" * 200, "broken image"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


def test_formats_off_the_list_are_refused_though_they_could_be_read() -> None:
    for kind in ("PPM", "TGA", "ICO", "PCX", "EPS", "DDS", "ICNS"):
        image = Image.fromarray(corners(64, 64))
        assert refusal(file_of(image, kind))


def test_a_file_over_the_bound_of_bytes_is_not_looked_at() -> None:
    data = file_of(corners(), "PNG")

    assert decode_image(data, ImageLimits(max_bytes=len(data))).width == 96
    assert refusal(data, ImageLimits(max_bytes=len(data) - 1)) == "file too large"


def cut_points(data: bytes) -> list[int]:
    return sorted({int(len(data) * part) for part in (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)})


@pytest.mark.parametrize("kind", OPENED)
def test_a_file_that_ends_early_is_a_broken_image(kind: str) -> None:
    data = file_of(draw_portrait(np.random.default_rng(1), 128, 3), kind)

    for length in cut_points(data):
        assert refusal(data[:length]) == "broken image", length


def test_a_cut_jpeg_is_broken_in_a_reduced_size_too() -> None:
    data = file_of(draw_portrait(np.random.default_rng(1), 512, 3), "JPEG")

    with pytest.raises(ImageInvalid, match="broken image"):
        decode_image(data[: len(data) // 2], LIMITS, shortest=64)


def png_of(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    zeros = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zeros) + chunk(b"IEND", b"")


def bombs() -> dict[str, bytes]:
    gif = bytearray(file_of(corners(), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    wide_frame = bytearray(file_of(corners(), "GIF"))
    at = wide_frame.index(b"\x2c", 13 + 3 * 2 ** ((wide_frame[10] & 7) + 1))
    wide_frame[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    webp = bytearray(file_of(np.dstack([corners(), corners()[..., 0]]), "WEBP"))
    webp[24:30] = b"\xff\x3f\x00\xff\x3f\x00"
    jpeg = bytearray(file_of(corners(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    bmp = bytearray(file_of(corners(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    return {
        "png": png_of(50_000, 50_000),
        "gif": bytes(gif),
        "gif frame": bytes(wide_frame),
        "webp": bytes(webp),
        "jpeg": bytes(jpeg),
        "bmp": bytes(bmp),
    }


@pytest.mark.parametrize("name", bombs())
def test_a_bomb_is_refused_by_its_header_without_unfolding_it(name: str) -> None:
    data = bombs()[name]
    tracemalloc.start()
    try:
        assert refusal(data) == "too many pixels"
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_picture_beyond_pillows_own_warning_is_opened_where_the_limits_allow_it() -> None:
    size = Image.MAX_IMAGE_PIXELS
    assert size is not None
    side = int(size**0.5) + 50
    data = file_of(Image.new("1", (side, side)), "PNG")

    assert refusal(data) == "too many pixels"
    assert refusal(data[:-200], ImageLimits(max_pixels=side * side)) == "broken image"


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "JPEG"])
def test_a_picture_without_pixels_is_broken(kind: str) -> None:
    data = bytearray(file_of(corners(), kind))
    if kind == "PNG":
        assert refusal(png_of(0, 50)) == "broken image"
        return
    at, size = {"GIF": (6, 4), "BMP": (18, 8), "JPEG": (data.find(b"\xff\xc0") + 5, 4)}[kind]
    if kind == "GIF":
        frame = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
        data[frame + 5 : frame + 9] = bytes(4)
    data[at : at + size] = bytes(size)

    assert refusal(bytes(data)) == "broken image"


def test_damaged_metadata_of_a_good_jpeg_does_no_harm() -> None:
    block = bytearray(exif(6))
    for length in range(6, len(block)):
        data = file_of(corners(), "JPEG", exif=bytes(block[:length]))
        assert decode_image(data, LIMITS).format == "JPEG"
    block[14:] = b"\xff" * (len(block) - 14)
    for kind in ("JPEG", "PNG", "WEBP"):
        assert decode_image(file_of(corners(), kind, exif=bytes(block)), LIMITS).width == 96


def test_damaged_metadata_of_a_good_avif_does_no_harm() -> None:
    block = Image.Exif()
    block[271], block[272] = "A maker of cameras", "A model"
    data = file_of(corners(), "AVIF", exif=block.tobytes())
    at = data.index(b"A maker")

    assert decode_image(data[:at] + b"\xff" * 7 + data[at + 7 :], LIMITS).width == 96
    hurt = bytearray(data)
    directory = data.index(b"MM\x00*") if b"MM\x00*" in data else data.index(b"II*\x00")
    hurt[directory + 10 : directory + 30] = b"\x01\x0f\x00\x02" + b"\xff" * 16
    assert decode_image(bytes(hurt), LIMITS).width == 96


def drawn_out() -> dict[str, bytes]:
    """Give small pictures blown up with a million empty parts, each of which costs a step to read."""
    gif, jpeg, png = (file_of(corners(), kind) for kind in ("GIF", "JPEG", "PNG"))
    palette = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
    empty_chunk = struct.pack(">I4sI", 0, b"abCd", zlib.crc32(b"abCd"))
    pages = b"".join(struct.pack("<HI", 0, 8 + 6 * (page + 1)) for page in range(1_000_000))
    many = 1_000_000
    return {
        "gif comments": gif[:palette] + b"\x21\xfe" + b"\x01a" * many + b"\x00" + gif[palette:],
        "gif frames": gif[:-1] + (b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x00") * many,
        "jpeg fill": jpeg[:2] + b"\xff" * many + jpeg[3:],
        "jpeg segments": jpeg[:2] + b"\xff\xfe\x00\x02" * many + jpeg[2:],
        "jpeg scans": jpeg[:-2] + b"\xff\xda\x00\x02" * many + b"\xff\xd9",
        "png chunks": png[:33] + empty_chunk * many + png[33:],
        "tiff pages": b"II*\x00\x08\x00\x00\x00" + pages,
    }


def test_a_file_of_a_million_empty_parts_does_not_hold_a_thread() -> None:
    for name, data in drawn_out().items():
        began = time.process_time()
        assert refusal(data) == "broken image", name
        assert time.process_time() - began < 1, name


def test_a_second_block_of_exif_is_kept_quiet_too() -> None:
    good = exif(6)
    data = file_of(corners(), "JPEG", exif=good)
    hurt = good[:10] + b"\xff" * 30
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(hurt)) + hurt
    end_of_first = data.index(good) + len(good)

    picture = decode_image(data[:end_of_first] + segment + data[end_of_first:], LIMITS)

    assert (picture.width, picture.height) == (64, 96)


def test_an_animated_png_with_a_wrong_count_is_broken() -> None:
    data = animation("PNG")
    at = data.index(b"acTL")
    body = b"acTL" + bytes(8)
    hurt = data[:at] + body + struct.pack(">I", zlib.crc32(body)) + data[at + 16 :]

    assert refusal(hurt) == "broken image"


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(OPENED),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
)
def test_flipped_bytes_give_a_picture_or_a_reason_but_never_a_warning(
    kind: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(_SMALL[kind])
    for place, value in changes:
        data[int(place * len(data))] = value
    try:
        picture = decode_image(bytes(data), ImageLimits(max_pixels=1_000_000))
    except ImageInvalid:
        return
    assert picture.pixels.shape == (picture.height, picture.width, 3)


_SMALL = {
    kind: file_of(corners(24, 16), kind, **({} if kind in ("GIF", "BMP") else {"exif": exif(6)}))
    for kind in OPENED
}


def test_threads_that_meet_broken_files_leave_the_filters_of_warnings_alone() -> None:
    files = [*bombs().values(), b"\xff\xd8\xff\xe0", b"hello", palette_with_transparency()]
    before = list(warnings.filters)

    def look(at: int) -> str:
        try:
            return decode_image(files[at % len(files)], LIMITS).format
        except ImageInvalid as refused:
            return refused.reason

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(look, range(10 * len(files))))

    assert answers == answers[: len(files)] * 10
    assert warnings.filters == before


def palette_with_transparency() -> bytes:
    image = Image.fromarray(corners()).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    return file_of(image, "PNG", transparency=bytes(8))


def test_a_refusal_says_what_to_do_and_travels_between_processes() -> None:
    with pytest.raises(ImageInvalid) as refused:
        decode_image(b"hello", LIMITS)

    copy = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - our own bytes
    assert "JPEG" in str(refused.value)
    assert (copy.reason, copy.message) == (refused.value.reason, refused.value.message)
