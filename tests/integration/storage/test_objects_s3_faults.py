"""The S3 adapter on a real server that refuses, fills up, or goes away in mid-transfer."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import uuid4

import pytest

from config.errors import ObjectExists, StoreAccessDenied, StoreError, StoreFull, StoreUnavailable
from storage.objects_s3 import S3Store
from tests.s3_server import S3Server

pytestmark = pytest.mark.s3

MEGABYTE = 1 << 20
FACTORY = Callable[..., S3Store]


class Proxy:
    """A TCP relay to the server that cuts connections as it is told.

    ``cut_down`` and ``cut_up``: how many bytes the next connections let through towards the client or the
    server, one number a connection, before both ends are closed; later connections pass all.
    """

    def __init__(self, target: str) -> None:
        host, port = target.split(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut_down: list[int] = []
        self.cut_up: list[int] = []
        self.die_after_cut = False
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def stop(self) -> None:
        self._listener.close()
        for end in self._open:
            hang_up(end)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        self._listener.settimeout(0.05)
        while True:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(self._target)
            self._open += [client, server]
            down = self.cut_down.pop(0) if self.cut_down else None
            up = self.cut_up.pop(0) if self.cut_up else None
            for source, sink, limit in ((client, server, up), (server, client, down)):
                thread = threading.Thread(target=self._relay, args=(source, sink, limit))
                thread.start()
                self._threads.append(thread)

    def _relay(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if limit is not None and passed + len(data) > limit:
                    sink.sendall(data[: limit - passed])
                    if self.die_after_cut:
                        self._listener.close()
                    break
                sink.sendall(data)
                passed += len(data)
        hang_up(source)
        hang_up(sink)


def hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[Proxy]:
    relay = Proxy(s3_server.endpoint)
    yield relay
    relay.stop()


@pytest.fixture
def data() -> bytes:
    return b"".join(number.to_bytes(4) for number in range(2 * MEGABYTE))  # 8 MB, no two places alike


def test_a_download_cut_in_the_middle_goes_on_where_it_stopped(
    s3_store: S3Store, s3: FACTORY, proxy: Proxy, data: bytes
) -> None:
    s3_store.put("a", data)
    proxy.cut_down = [3 * MEGABYTE, 2 * MEGABYTE]
    assert s3(proxy.endpoint).get("a") == data
    assert proxy.connections == 3


def test_a_download_may_be_cut_often_as_long_as_it_moves_on(
    s3_store: S3Store, s3: FACTORY, proxy: Proxy, data: bytes
) -> None:
    s3_store.put("a", data)
    proxy.cut_down = [MEGABYTE] * 7
    assert s3(proxy.endpoint, retries=1).get("a") == data


def test_a_range_cut_in_the_middle_is_read_again(
    s3_store: S3Store, s3: FACTORY, proxy: Proxy, data: bytes
) -> None:
    s3_store.put("a", data)
    proxy.cut_down = [MEGABYTE]
    assert s3(proxy.endpoint).read_range("a", 1_000_000, 2_000_000) == data[1_000_000:3_000_000]


def test_a_server_that_stays_away_in_mid_download_is_a_clear_error(
    s3_store: S3Store, s3: FACTORY, proxy: Proxy, data: bytes
) -> None:
    s3_store.put("a", data)
    proxy.cut_down, proxy.die_after_cut = [3 * MEGABYTE], True
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="went away at 'a'") as caught:
        s3(proxy.endpoint).get("a")
    assert time.monotonic() - started < 5
    assert caught.value.hint is not None
    assert proxy.endpoint in caught.value.message


def test_an_upload_cut_in_the_middle_is_sent_again(
    s3_store: S3Store, s3: FACTORY, proxy: Proxy, data: bytes
) -> None:
    proxy.cut_up = [3 * MEGABYTE]
    s3(proxy.endpoint).put("a", data)
    assert s3_store.get("a") == data
    assert proxy.connections == 2


def test_a_multipart_upload_survives_cuts(s3_store: S3Store, s3: FACTORY, proxy: Proxy, data: bytes) -> None:
    proxy.cut_up = [9 * MEGABYTE, 5 * MEGABYTE, 30 * MEGABYTE]
    s3(proxy.endpoint).put("a", data * 5)
    assert s3_store.get("a") == data * 5
    assert proxy.connections == 4


def test_a_server_that_stays_away_in_mid_upload_is_a_clear_error_and_the_old_object_stays(
    s3_store: S3Store, s3: FACTORY, proxy: Proxy, data: bytes
) -> None:
    s3_store.put("a", b"old")
    proxy.cut_up, proxy.die_after_cut = [20 * MEGABYTE], True
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="went away at 'a'"):
        s3(proxy.endpoint, retries=2).put("a", data * 5)
    assert time.monotonic() - started < 8
    assert s3_store.get("a") == b"old"


def test_a_creator_that_lost_the_answer_still_knows_that_it_won(
    s3_store: S3Store, s3: FACTORY, proxy: Proxy
) -> None:
    s3_store.put("other", b"")
    client = s3(proxy.endpoint)
    assert not client.exists("a")
    proxy.cut_down = [0]  # the request arrives, its answer does not
    client._http.clear()  # so that it is the look-up, which may be repeated, that meets the cut
    client.create("a", b"mine")
    assert s3_store.get("a") == b"mine"


@pytest.mark.parametrize(("there", "wins"), [(b"mine", True), (b"theirs", False)])
def test_after_a_lost_answer_the_bytes_tell_who_won(
    s3_store: S3Store, s3: FACTORY, proxy: Proxy, there: bytes, wins: bool
) -> None:
    s3_store.put("a", there)
    client = s3(proxy.endpoint)
    proxy.cut_down = [0]
    if wins:
        assert client._put_once("a", b"mine").size == 4
    else:
        with pytest.raises(ObjectExists):
            client._put_once("a", b"mine")
    assert s3_store.get("a") == there


def test_an_object_overwritten_during_a_cut_read_is_not_stitched(
    s3_store: S3Store, s3: FACTORY, proxy: Proxy, data: bytes
) -> None:
    s3_store.put("a", data)
    proxy.cut_down = [3 * MEGABYTE]
    with s3(proxy.endpoint).open("a") as file:
        file.read(1000)
        s3_store.put("a", data[::-1])
        with pytest.raises(StoreError, match="overwritten while it was read"):
            file.read()


def test_wrong_credentials_are_refused_at_once(s3_store: S3Store, s3: FACTORY) -> None:
    s3_store.put("a", b"1")
    for wrong in (s3(secret_key="not the secret"), s3(access_key="nobody")):
        for verb in (
            lambda store: store.get("a"),
            lambda store: store.put("a", b"2"),
            lambda store: store.create("b", b"2"),
            lambda store: store.exists("a"),
            lambda store: list(store.list()),
            lambda store: store.delete("a"),
            lambda store: store.check(),
        ):
            started = time.monotonic()
            with pytest.raises(StoreAccessDenied, match="MINIO_ROOT_USER"):
                verb(wrong)
            assert time.monotonic() - started < 1
    assert s3_store.get("a") == b"1"


def test_another_users_bucket_is_refused(s3_store: S3Store, s3: FACTORY, s3_server: S3Server) -> None:
    s3_store.put("a", b"1")
    name = uuid4().hex
    s3_server.add_user(name, name, "a secret of theirs")
    with pytest.raises(StoreAccessDenied):
        s3(access_key=name, secret_key="a secret of theirs").get("a")


def test_a_full_store_says_so(s3: FACTORY, s3_server: S3Server) -> None:
    name = uuid4().hex
    s3_server.add_user(name, name, "a small secret", quota_bytes=100_000)
    store = s3(bucket=name, access_key=name, secret_key="a small secret")
    store.put("small", b"x" * 10_000)
    with pytest.raises(StoreFull, match="no space left for 'large'"):
        store.put("large", b"x" * 200_000)
    assert [info.key for info in store.list()] == ["small"]


def test_a_server_that_is_not_there_is_unavailable_within_seconds(s3: FACTORY) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused, and nobody else gets the port
        store = s3(f"127.0.0.1:{taken.getsockname()[1]}", retries=2)
        for verb in (
            lambda: store.get("a"),
            lambda: store.put("a", b""),
            lambda: list(store.list()),
            store.check,
        ):
            with pytest.raises(StoreUnavailable, match="Connection refused"):
                verb()


def test_a_web_server_is_not_taken_for_a_store(s3: FACTORY) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>no such page</h1>")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(StoreError, match="is not an S3 store"):
                s3(f"127.0.0.1:{server.server_port}").get("a")
        finally:
            server.shutdown()
            thread.join()


def test_an_unfinished_upload_is_swept_when_it_is_old_enough(s3_store: S3Store) -> None:

    s3_store.put("a", b"")
    now = datetime.now(UTC)
    s3_store.sweep(now + timedelta(hours=1), delete=True)
    s3_store._client._create_multipart_upload(s3_store._bucket, "datasets/left over", {})
    assert s3_store.sweep(now - timedelta(hours=1), delete=True) == ()
    assert [info.key for info in s3_store.sweep(now + timedelta(hours=1), delete=True)] == [
        "datasets/left over"
    ]
    assert s3_store.sweep(now + timedelta(hours=1), delete=False) == ()


def test_a_bucket_that_does_not_exist_is_made_by_the_first_write(s3: FACTORY) -> None:
    store = s3(bucket=f"new-{uuid4().hex}")
    assert list(store.list()) == []
    assert store.sweep(datetime.now(UTC), delete=True) == ()
    store.delete("a")
    store.create("a", b"1")
    assert store.get("a") == b"1"
    large = s3(bucket=f"new-{uuid4().hex}")
    large.put("a", b"x" * (17 * MEGABYTE))
    assert large.stat("a").size == 17 * MEGABYTE
