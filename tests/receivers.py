"""Programs at the other end, for tests: an HTTP server that answers as it is told, and one that takes mails."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Web:
    """What an HTTP server was asked (path, body), and what it answers: a status and a body by path."""

    port: int = 0
    status: int = 200
    pages: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    #: while it is cleared, no answer is given
    answering: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, path: str, body: Any, status: int = 200) -> None:
        self.pages[path] = (status, body if isinstance(body, bytes) else json.dumps(body).encode())


@contextmanager
def web_server() -> Iterator[Web]:
    """An HTTP server on a port of this machine, in a thread of this process."""
    told = Web()
    told.answering.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _answer(self, body: Any) -> None:
            told.answering.wait(30)
            told.asked.append((self.path, body))
            status, page = told.pages.get(self.path, (told.status, b"{}"))
            self.send_response(status)
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.answering.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Post:
    """Mails that came: from whom, to whom, and their text."""

    port: int = 0
    mails: list[tuple[str, list[str], str]] = field(default_factory=list)


@contextmanager
def mail_server() -> Iterator[Post]:
    """A server that speaks as much SMTP (RFC 5321) as taking a mail needs."""
    told = Post()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            sender = ""
            receivers: list[str] = []
            self._say("220 tests")
            while line := self.rfile.readline().decode().strip():
                word = line.upper()
                if word.startswith("MAIL FROM:"):
                    sender, receivers = line[10:].split(">")[0].strip("<> "), []
                elif word.startswith("RCPT TO:"):
                    receivers.append(line[8:].strip("<> "))
                elif word == "DATA":
                    self._say("354 go on")
                    told.mails.append((sender, receivers, self._text()))
                self._say("221 bye" if word == "QUIT" else "250 ok")
                if word == "QUIT":
                    return

        def _text(self) -> str:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.decode())
            return "".join(lines)

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
