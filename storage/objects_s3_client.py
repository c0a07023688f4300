"""The pieces that the S3 adapter's client is made of: address, connections, and a stream that counts."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import urllib3

from config.errors import SettingsError, StoreUnavailable


class CountedStream:
    """A readable stream that knows how many bytes were read, and can begin again where the source can."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._start: int | None = stream.tell() if stream.seekable() else None
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes."""
        piece = self._stream.read(size)
        self.count += len(piece)
        return piece

    def rewind(self) -> None:
        """Begin again. Raises StoreUnavailable where the source cannot."""
        if self._start is None:
            raise StoreUnavailable("The bucket was missing, and the data cannot be read again; run it again.")
        self._stream.seek(self._start)
        self.count = 0


def address_of(endpoint: str, secure: bool) -> tuple[str, bool]:
    """(host:port, whether HTTPS) out of ``host:port`` or a URL. Raises SettingsError."""
    if "://" not in endpoint:
        endpoint = f"{'https' if secure else 'http'}://{endpoint}"
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise SettingsError(
            f"MINIO_ENDPOINT '{endpoint}' is not an address.", hint="Write host:port, or http(s)://host:port."
        )
    return parts.netloc, parts.scheme == "https"


def connection_pool(retries: int, backoff: float, timeout: float) -> urllib3.PoolManager:
    """Connections whose requests are retried with exponential back-off and jitter."""
    policy = urllib3.Retry(
        total=retries,
        backoff_factor=backoff,
        backoff_jitter=backoff,
        status_forcelist=(500, 502, 503, 504),
        allowed_methods=None,  # all of our requests may be repeated: each states its whole outcome
    )
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=3.0, read=timeout),
        retries=policy,
        maxsize=16,
        cert_reqs="CERT_REQUIRED",
    )


def answered_at(headers: Any) -> datetime:
    """The server's time of an answer; its own clock is what ``modified`` is measured by."""
    stamp = headers.get("date") if headers else None
    return parsedate_to_datetime(stamp) if stamp else datetime.now(UTC)
