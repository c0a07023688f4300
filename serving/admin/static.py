"""Our own styles and scripts, under an address that changes with their content: browsers keep them a year."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png",
    ".txt": "text/plain",
}  # fmt: skip


class Static:
    """The files of a folder as they are now, read once.

    The address holds one hash of all of them, so that a script finds those that it imports beside it.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        names = sorted(path.name for path in folder.iterdir() if path.suffix in TYPES)
        self._files = {name: (folder / name).read_bytes() for name in names}
        joined = b"".join(name.encode() + hashlib.sha256(self._files[name]).digest() for name in names)
        self.version = hashlib.sha256(joined).hexdigest()[:16]

    def url(self, name: str) -> str:
        """Address of a file. Raises KeyError where there is none: a template names it wrongly."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    async def endpoint(self, request: Request) -> Response:
        """Answer with the file; an address of another version is not there."""
        name = request.path_params["name"]
        if request.path_params["version"] != self.version or name not in self._files:
            raise HTTPException(404, "There is no such file.")
        return Response(
            self._files[name],
            media_type=TYPES[Path(name).suffix],
            headers={"cache-control": "public, max-age=31536000, immutable"},
        )
