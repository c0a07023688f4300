"""The product at the other end of the webhooks: takes every delivery, and remembers what it was told."""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from storage.webhooks import SIGNATURE, sign


class Product:
    """Listens on a port of its own until it is closed.

    Attributes:
        told: delivery's id -> how often it came.
        unsigned: how many came with a signature that is not ours.
    """

    def __init__(self) -> None:
        self.secret = secrets.token_hex(24)
        self.told: Counter[str] = Counter()
        self.unsigned = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._take))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="product", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where webhooks go."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def settings(self) -> dict[str, Any]:
        """What the platform must know of it."""
        return {"content_webhook_url": self.url, "content_webhook_secret": self.secret}

    def _take(self, body: bytes, signature: str) -> bool:
        moment = signature.removeprefix("t=").partition(",")[0]
        good = moment.isdigit() and hmac.compare_digest(
            sign(self.secret.encode(), int(moment), body), signature
        )
        with self._lock:
            if good:
                self.told[str(json.loads(body)["id"])] += 1
            else:
                self.unsigned += 1
        return good

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)


def _handler(take: Callable[[bytes, str], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(204 if take(body, self.headers.get(SIGNATURE) or "") else 401)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
