"""The orientation of a picture, read from its EXIF block without any library's warnings.

EXIF is a TIFF directory (CIPA DC-008, 4.6); tag 274 says how the stored pixels must be turned to be upright.
"""

from __future__ import annotations

from PIL import Image

ORIENTATION_TAG = 274
_SHORT, _LONG = 3, 4
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_orientation(exif: bytes) -> int:
    """Give the orientation, 1 to 8, of an EXIF block; 1 where the block has none or is damaged."""
    block = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "little", b"MM\x00*": "big"}.get(block[:4])
    if order is None:
        return 1

    def number(at: int, size: int) -> int:
        return int.from_bytes(block[at : at + size], "little" if order == "little" else "big")

    directory = number(4, 4)
    for entry in range(directory + 2, directory + 2 + 12 * number(directory, 2), 12):
        if entry + 12 > len(block):
            break
        if number(entry, 2) == ORIENTATION_TAG:
            kind = number(entry + 2, 2)
            value = number(entry + 8, 2 if kind == _SHORT else 4) if kind in (_SHORT, _LONG) else 1
            return value if 1 <= value <= 8 else 1
    return 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture so that it stands upright."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
