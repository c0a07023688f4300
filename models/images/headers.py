"""What a file says about itself before a pixel of it is decoded, and copies of it that Pillow opens in silence.

Pillow warns through Python's process-wide filters, which one thread cannot set without changing them for all.
So that no warning is ever due, the parts that it would complain about are checked here, or hidden from it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

from PIL import TiffTags

from models.images.formats import ImageInvalid
from models.images.orientation import read_orientation

_BROKEN = "broken image"
_MOST_SCANS = 200
_BARE_MARKERS = frozenset((0x00, *range(0xD0, 0xDA)))  # no length follows
_MOST_NUMBERS = 200_000


@dataclass(frozen=True)
class Header:
    """A file ready to be opened: its bytes, the size where it must be known before, the turn and the frames."""

    data: bytes
    size: tuple[int, int] | None = None
    orientation: int | None = None
    frames: int | None = None


def read_header(data: bytes, kind: str) -> Header:
    """Read the header of a file of the format ``kind``; ImageInvalid where it is damaged."""
    reader = _READERS.get(kind)
    if reader is None:
        return Header(data)
    try:
        return reader(data)
    except (struct.error, IndexError) as error:
        raise ImageInvalid(_BROKEN) from error


def _steps(data: bytes, size: int) -> Iterator[None]:
    """Allow as many parts as a file of this length has where each is ``size`` bytes, and 10,000; then refuse.

    Without a bound, a file of 15 MB made of empty parts keeps a thread, and Python's lock, for ten seconds.
    """
    yield from repeat(None, 10_000 + len(data) // size)
    raise ImageInvalid(_BROKEN)


def _jpeg(data: bytes) -> Header:
    """Take the EXIF segment out of Pillow's sight: it reads the resolution there, and may warn."""
    at, orientation, quiet = 2, None, bytearray(data)
    for _ in _steps(data, 4096):
        marker = data[at + 1] if data[at] == 0xFF else None
        if marker is None or marker == 0xFF:  # junk between segments, or padding: Pillow steps over both
            at += 1
            continue
        if marker == 0xDA:
            _check_scans(data, at)
            break
        if marker in _BARE_MARKERS:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = at + 4
        if marker == 0xE1 and data[body : body + 6] == b"Exif\x00\x00":
            orientation = orientation or read_orientation(data[body : at + 2 + length])
            quiet[body] = ord("-")
        at += 2 + max(length, 2)
    return Header(bytes(quiet) if orientation else data, orientation=orientation or 1)


def _check_scans(data: bytes, first: int) -> None:
    """Refuse a JPEG of very many passes: each goes over every pixel, however few bytes it has."""
    if data.count(b"\xff\xda", first) > _MOST_SCANS:
        raise ImageInvalid(_BROKEN)


def _png(data: bytes) -> Header:
    """Refuse an animation chunk that Pillow would warn of: a second one, or one without frames."""
    at, frames = 8, None
    for _ in _steps(data, 512):
        if at + 8 > len(data):
            break
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"acTL":
            (count,) = struct.unpack_from(">I", data, at + 8)
            if frames is not None or not 0 < count <= 0x80000000:
                raise ImageInvalid(_BROKEN)
            frames = count
        if name == b"IEND":
            break
        at += 12 + length
    return Header(data, frames=frames or 1)


def _webp(data: bytes) -> Header:
    """Read the size of the canvas, which the decoder allocates as it opens the file (RFC 9649, 2.5 to 2.7)."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return Header(data, size=(width, height))
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header(data, size=(width & 0x3FFF, height & 0x3FFF))
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header(data, size=((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
    raise ImageInvalid(_BROKEN)


def _gif(data: bytes) -> Header:
    """Count frames, and find the canvas: the first frame may reach beyond the stated one (GIF89a, 18 to 26)."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at, frames = 13 + _palette_bytes(flags), 0
    steps = _steps(data, 64)
    while at < len(data) and data[at] in (0x21, 0x2C):
        start = at + 2
        if data[at] == 0x2C:
            left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, at + 1)
            start = at + 11 + _palette_bytes(flags)
            if frames == 0:
                width, height = max(width, left + wide), max(height, top + high)
        end = _skip_blocks(data, start, steps)
        if end is None:
            break
        frames += data[at] == 0x2C
        at = end
    if frames == 0:
        raise ImageInvalid(_BROKEN)
    return Header(data, size=(width, height), frames=frames)


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, at: int, steps: Iterator[None]) -> int | None:
    """Step over a chain of data blocks; None where the file ends within it."""
    for _ in steps:
        if at >= len(data):
            break
        if data[at] == 0:
            return at + 1
        at += 1 + data[at]
    return None


def _tiff(data: bytes) -> Header:
    """Check the first directory and hide its EXIF; count the directories, which are the pages (TIFF 6.0, 2)."""
    order = "<" if data[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", data, 4)
    quiet = bytearray(data)
    total = 0
    (entries,) = struct.unpack_from(order + "H", data, first)
    for entry in range(first + 2, first + 2 + 12 * entries, 12):
        tag, kind, count, value = struct.unpack_from(order + "HHII", data, entry)
        size = count * _TIFF_BYTES.get(kind, 0)
        total += size if size > 4 else 0
        wrong = TiffTags.lookup(tag).length == 1 and count != 1 and size > 0
        wrong = wrong or (size > count and count > _MOST_NUMBERS)
        if wrong or total > len(data) or (size > 4 and value + size > len(data)):
            raise ImageInvalid(_BROKEN)
        if tag in TiffTags.TAGS_V2_GROUPS:
            struct.pack_into(order + "H", quiet, entry, _PRIVATE_TAG)
    return Header(bytes(quiet), frames=_tiff_pages(data, order, first))


def _tiff_pages(data: bytes, order: str, first: int) -> int:
    seen: set[int] = set()
    at = first
    for _ in _steps(data, 1024):
        if at == 0 or at in seen:
            break
        seen.add(at)
        (entries,) = struct.unpack_from(order + "H", data, at)
        (at,) = struct.unpack_from(order + "I", data, at + 2 + 12 * entries)
    return len(seen)


def _avif(data: bytes) -> Header:
    """Hide EXIF from Pillow: the turn of an AVIF picture is told by its own boxes (ISO/IEC 23000-22, 7.3)."""
    at = 0
    for _ in _steps(data, 4096):
        if at + 8 > len(data):
            break
        length, name = struct.unpack_from(">I4s", data, at)
        if length < 8:
            break
        if name == b"meta":
            box = data[at : at + length].replace(b"Exif", b"-xif")
            return Header(data[:at] + box + data[at + length :])
        at += length
    return Header(data)


_READERS = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "GIF": _gif, "TIFF": _tiff, "AVIF": _avif}
_TIFF_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_PRIVATE_TAG = 65_000
