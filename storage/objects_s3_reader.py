"""An S3 object as a seekable file that survives a connection cut off in mid-transfer."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from config.errors import StoreError
from storage.objects_s3_errors import TRANSPORT, unavailable

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

#: A cut-off loses what it had of a piece.
PIECE_BYTES = 256 << 10

#: (first byte, etag that the object must still have or None) -> the open answer
Fetch = Callable[[int, str | None], "BaseHTTPResponse"]


class S3Reader(io.RawIOBase):
    """Streams one object; a cut-off transfer goes on at the byte where it stopped.

    The etag is sent with each further request, so that two versions of an object are never stitched together.

    Args:
        fetch: starts a request; raises StoreError.
        pauses: seconds to wait before each new attempt; a transfer that moved on has them all again.
    """

    def __init__(self, fetch: Fetch, key: str, endpoint: str, pauses: tuple[float, ...]) -> None:
        super().__init__()
        self._fetch = fetch
        self._name = f"'{key}'"
        self._endpoint = endpoint
        self._pauses = pauses
        self._position = 0
        self._response: BaseHTTPResponse | None = fetch(0, None)
        self._etag = self._response.headers.get("etag")
        self.size = int(self._response.headers["content-length"])

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always; a seek costs a new request at the next read."""
        return True

    def tell(self) -> int:
        """The position in the object."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another position; nothing is sent yet."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        target = base + offset
        if target < 0:
            raise ValueError("cannot seek before the beginning")
        if target != self._position:
            self._drop()
            self._position = target
        return target

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read at least one byte, unless at the end."""
        wanted = min(len(buffer), PIECE_BYTES, self.size - self._position)
        if wanted <= 0:
            return 0
        data = self._read(wanted)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def readall(self) -> bytes:
        """All that is left (the inherited one takes it in pieces of 8 KB)."""
        data = bytearray(self.size - self._position)
        view, filled = memoryview(data), 0
        while filled < len(data):
            filled += self.readinto(view[filled:])
        return bytes(data)

    def close(self) -> None:
        """Give up the running answer."""
        self._drop()
        super().close()

    def _read(self, wanted: int) -> bytes:
        import time

        cause = ""
        for pause in (0.0, *self._pauses):
            time.sleep(pause)
            try:
                if self._response is None:
                    self._response = self._fetch(self._position, self._etag)
                data = self._response.read(wanted)
            except TRANSPORT as error:
                cause = f"{error}"
            else:
                if data:
                    return data
                cause = "the transfer ended early"
            self._drop()
        raise unavailable(
            self._endpoint, f"{self._name} after {self._position:,} of {self.size:,} bytes", f"{cause}."
        )

    def _drop(self) -> None:
        """Give up the running answer. Its connection is closed: unread bytes of the answer are in it."""
        if self._response is not None:
            response, self._response = self._response, None
            response.close()
            response.release_conn()


def changed_while_read(key: str) -> StoreError:
    """The error for an object that was overwritten between two pieces of one read."""
    return StoreError(f"'{key}' was overwritten while it was read.", hint="Read it again.")
