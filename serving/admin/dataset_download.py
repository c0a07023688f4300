"""Downloads: a version's parts as they lie in the store, streamed in flat memory and checked on the way."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from config.errors import VersionCorrupt
from storage.datasets.manifest import Manifest, Part
from storage.objects import ObjectStore

CHUNK_BYTES = 1 << 18
PARQUET = "application/vnd.apache.parquet"


def zip_response(store: ObjectStore, manifest: Manifest) -> Response:
    """The manifest and all parts as one zip, not compressed again: Parquet is already."""
    headers = {"content-disposition": f'attachment; filename="{_file_name(manifest)}.zip"'}
    return StreamingResponse(_zipped(store, manifest), media_type="application/zip", headers=headers)


def part_response(store: ObjectStore, manifest: Manifest, number: int) -> Response:
    """Part ``number``, counted from 1."""
    if not 1 <= number <= len(manifest.parts):
        raise HTTPException(404, f"Version {manifest.name} has {len(manifest.parts)} parts.")
    part = manifest.parts[number - 1]
    headers = {
        "content-disposition": f'attachment; filename="{_part_name(manifest, number)}"',
        "content-length": str(part.size),
    }
    return StreamingResponse(_bytes(store, manifest, part), media_type=PARQUET, headers=headers)


def _zipped(store: ObjectStore, manifest: Manifest) -> Iterator[bytes]:
    out = _Outbox()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        # times and all else come from the content alone: the same version gives the same zip
        archive.writestr(zipfile.ZipInfo("manifest.json"), manifest.to_bytes())
        for number, part in enumerate(manifest.parts, start=1):
            name = zipfile.ZipInfo(_part_name(manifest, number))
            with archive.open(name, "w", force_zip64=part.size >= 1 << 31) as entry:
                for chunk in _bytes(store, manifest, part):
                    entry.write(chunk)
                    yield out.take()
    yield out.take()


def _bytes(store: ObjectStore, manifest: Manifest, part: Part) -> Iterator[bytes]:
    """The bytes of a part; what is damaged breaks off before its end, so that nobody takes it for whole."""
    digest, left = hashlib.sha256(), part.size
    with store.open(part.key) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            left -= len(chunk)
            if left <= 0 and (left < 0 or digest.hexdigest() != part.sha256):
                raise VersionCorrupt(f"Part '{part.key}' of {manifest.name} is damaged.")
            yield chunk
    if left > 0:
        raise VersionCorrupt(f"Part '{part.key}' of {manifest.name} is damaged.")


def _file_name(manifest: Manifest) -> str:
    return manifest.name.replace("/", "-")


def _part_name(manifest: Manifest, number: int) -> str:
    return f"{_file_name(manifest)}-part-{number:04}.parquet"


class _Outbox(io.RawIOBase):
    """Where the zip is written to, and taken from as it grows; it cannot go back."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._waiting += piece
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken
