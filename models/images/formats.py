"""Which files are opened as images, told by their first bytes; and what else is refused, by name."""

from __future__ import annotations

from config.errors import InputError

OPENED = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
HINT = "Send a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF picture."

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)
_REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"8BPS", "a Photoshop file"),
    (b"%!PS", "PostScript"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\x00\x00\x01\x00", "an icon file"),
    (b"II+\x00", "a BigTIFF file"),
    (b"MM\x00+", "a BigTIFF file"),
)
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


class ImageInvalid(InputError):
    """A file that is not opened as an image; ``reason`` says why in a few words of plain English."""

    def __init__(self, reason: str, *, hint: str | None = HINT) -> None:
        super().__init__(f"The picture cannot be used: {reason}.", hint=hint)
        self.reason = reason

    def __reduce__(self) -> tuple[type[ImageInvalid], tuple[str]]:
        return type(self), (self.reason,)


def sniff(data: bytes) -> str:
    """Name the format of a file by its first bytes, one of ``OPENED``; else raise ImageInvalid."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _sniff_iso(data)
    raise ImageInvalid(_refusal(data))


def _sniff_iso(data: bytes) -> str:
    """Tell AVIF from HEIC and from videos: all are ISO base media files with brands (ISO/IEC 14496-12, 4.3)."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        return "AVIF"
    if any(brand in _HEIC_BRANDS for brand in brands):
        raise ImageInvalid("HEIC pictures are not opened")
    raise ImageInvalid("a video is not opened as an image")


def _refusal(data: bytes) -> str:
    for magic, name in _REFUSED:
        if data.startswith(magic):
            return f"{name} is not opened as an image"
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return "SVG drawings are not opened"
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "a web page is not an image"
    return "not an image"
