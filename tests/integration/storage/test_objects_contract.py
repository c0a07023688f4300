"""What every object store promises, on the folder and on a real S3 server."""

from __future__ import annotations

import io
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from config.errors import InputError, ObjectExists, ObjectNotFound
from storage.objects import ObjectStore
from storage.objects_s3 import UPLOAD_PART_BYTES

LARGE = 2 * UPLOAD_PART_BYTES + 12_345


class Stream(io.RawIOBase):
    """A source of unknown length that is never whole in memory; its bytes tell their position."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        count = min(len(buffer), self.left)
        buffer[:count] = bytes(count)
        self.left -= count
        return count


def test_what_is_put_comes_back(store: ObjectStore) -> None:
    info = store.put("datasets/viral/a.bin", b"hello")
    assert store.get("datasets/viral/a.bin") == b"hello"
    assert (info.key, info.size) == ("datasets/viral/a.bin", 5)
    stat = store.stat("datasets/viral/a.bin")
    assert (stat.key, stat.size) == (info.key, 5)
    assert abs(stat.modified - datetime.now(UTC)) < timedelta(minutes=1)
    assert stat.etag


def test_an_object_can_be_empty(store: ObjectStore) -> None:
    store.put("empty", b"")
    assert store.get("empty") == b""
    assert store.stat("empty").size == 0
    with store.open("empty") as file:
        assert file.read() == b""


def test_a_put_replaces_what_was_there(store: ObjectStore) -> None:
    store.put("a", b"a long first text")
    store.put("a", b"second")
    assert store.get("a") == b"second"
    assert [info.size for info in store.list()] == [6]


def test_memory_files_and_paths_can_be_put(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "source.bin"
    path.write_bytes(b"0123456789")
    store.put("path", path)
    store.put("memory", memoryview(b"0123456789"))
    store.put("bytearray", bytearray(b"0123456789"))
    with path.open("rb") as file:
        file.seek(4)
        assert store.put("rest of file", file).size == 6
    assert store.get("path") == store.get("memory") == store.get("bytearray") == b"0123456789"
    assert store.get("rest of file") == b"456789"


def test_a_source_that_does_not_exist_is_not_taken_for_a_missing_object(
    store: ObjectStore, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        store.put("a", tmp_path / "nothing")


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.get("nothing/here"),
        lambda store: store.stat("nothing/here"),
        lambda store: store.open("nothing/here"),
        lambda store: store.read_range("nothing/here", 0, 10),
        lambda store: store.read_range("nothing/here", 0, 0),
    ],
)
@pytest.mark.parametrize("bucket_exists", [True, False])
def test_a_missing_key_is_not_found(
    store: ObjectStore, read: Callable[[ObjectStore], object], bucket_exists: bool
) -> None:
    if bucket_exists:
        store.put("nothing", b"there is something, but above")
        store.delete("nothing")
    with pytest.raises(ObjectNotFound, match="nothing/here"):
        read(store)
    assert not store.exists("nothing/here")


def test_a_prefix_of_keys_is_no_object(store: ObjectStore) -> None:
    store.put("folder/a", b"1")
    assert not store.exists("folder")
    with pytest.raises(ObjectNotFound):
        store.get("folder")
    store.delete("folder")
    assert store.exists("folder/a")


def test_delete_may_be_repeated(store: ObjectStore) -> None:
    store.put("a", b"1")
    store.delete("a")
    store.delete("a")
    store.delete("never/there")
    assert not store.exists("a")


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, 4, b"0123"),
        (3, 3, b"345"),
        (8, 10, b"89"),
        (10, 5, b""),
        (99, 5, b""),
        (2, 0, b""),
        (0, 10, b"0123456789"),
    ],
)
def test_a_range_is_cut_off_at_the_end(store: ObjectStore, start: int, length: int, expected: bytes) -> None:
    store.put("digits", b"0123456789")
    assert store.read_range("digits", start, length) == expected


def test_a_range_is_not_negative(store: ObjectStore) -> None:
    store.put("digits", b"0123456789")
    for start, length in ((-1, 2), (2, -1)):
        with pytest.raises(InputError, match="range"):
            store.read_range("digits", start, length)


def test_an_open_object_is_a_seekable_file(store: ObjectStore) -> None:
    store.put("digits", b"0123456789")
    with store.open("digits") as file:
        assert file.read(3) == b"012"
        assert file.seek(-2, io.SEEK_END) == 8
        assert file.read() == b"89"
        assert file.seek(1) == 1
        buffer = bytearray(4)
        assert file.readinto(buffer) == 4  # type: ignore[attr-defined]
        assert (bytes(buffer), file.tell()) == (b"1234", 5)


def test_large_streams_go_up_and_down_in_flat_memory(store: ObjectStore) -> None:
    size = 7 * UPLOAD_PART_BYTES + 1
    tracemalloc.start()
    try:
        assert store.put("large", Stream(size)).size == size
        read = 0
        with store.open("large") as file:
            while piece := file.read(1 << 20):
                read += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == size == store.stat("large").size
    assert peak < 4.5 * UPLOAD_PART_BYTES


def test_the_pieces_of_a_large_object_are_in_order(store: ObjectStore) -> None:
    data = b"".join(number.to_bytes(8) for number in range(LARGE // 8))
    store.put("large", data)
    assert store.get("large") == data
    assert store.read_range("large", UPLOAD_PART_BYTES - 8, 24) == data[UPLOAD_PART_BYTES - 8 :][:24]


def test_a_stream_that_fails_leaves_the_old_object_and_nothing_else(store: ObjectStore) -> None:
    class Failing(Stream):
        def readinto(self, buffer: memoryview) -> int:
            if self.left < UPLOAD_PART_BYTES // 2:
                raise ValueError("the source broke")
            return super().readinto(buffer)

    store.put("a", b"old")
    with pytest.raises(ValueError, match="the source broke"):
        store.put("a", io.BufferedReader(Failing(LARGE)))
    assert store.get("a") == b"old"
    assert [info.key for info in store.list()] == ["a"]
    assert not store.sweep(datetime.now(UTC) + timedelta(days=1), delete=False)


def test_create_writes_once(store: ObjectStore) -> None:
    assert store.create("metadata/a.json", b"first").size == 5
    with pytest.raises(ObjectExists, match=r"a\.json"):
        store.create("metadata/a.json", b"second")
    assert store.get("metadata/a.json") == b"first"
    store.delete("metadata/a.json")
    store.create("metadata/a.json", b"third")
    assert store.get("metadata/a.json") == b"third"


def create_at_once(store: ObjectStore, key: str, barrier: threading.Barrier, writer: int) -> int | None:
    """The writer's number if it won."""
    barrier.wait()
    try:
        store.create(key, b"%d" % writer)
    except ObjectExists:
        return None
    return writer


def test_of_racing_creators_exactly_one_wins(store: ObjectStore) -> None:
    store.put("other", b"so that the bucket exists")
    for round_ in range(5):
        barrier = threading.Barrier(16)

        create = partial(create_at_once, store, f"race/{round_}", barrier)
        with ThreadPoolExecutor(16) as pool:
            winners = [writer for writer in pool.map(create, range(16)) if writer is not None]
        assert len(winners) == 1
        assert store.get(f"race/{round_}") == b"%d" % winners[0]


def test_racing_puts_leave_one_of_them_whole(store: ObjectStore) -> None:
    values = [bytes([65 + number]) * 300_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda value: store.put("same", value), values))
    assert store.get("same") in values


def test_listing_goes_past_a_thousand_keys_in_order(store: ObjectStore) -> None:
    keys = sorted(f"many/{number % 7}/{number:05d}" for number in range(1_105))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b"x"), keys))
    store.put("manyfold", b"x")
    assert [info.key for info in store.list("many/")] == keys
    assert [info.key for info in store.list()] == [*keys, "manyfold"]
    assert [info.key for info in store.list("many/3/0000")] == ["many/3/00003"]


def test_keys_sort_by_their_bytes_and_match_a_prefix_inside_a_name(store: ObjectStore) -> None:
    keys = ["a!b", "a-b", "a.b/c", "a/b", "a/c/d", "a0", "ab", "ä", "日本"]
    for key in reversed(keys):
        store.put(key, key.encode())
    assert [info.key for info in store.list()] == keys
    assert [info.key for info in store.list("a")] == keys[:7]
    assert [info.key for info in store.list("a/")] == ["a/b", "a/c/d"]
    assert [info.key for info in store.list("a/c/d")] == ["a/c/d"]
    assert not list(store.list("a/b/"))
    assert not list(store.list("nothing"))


@pytest.mark.parametrize(
    "key", ["with space", "plus+and%20percent", "q?x=1&y=#2", "quote'\"", "~tilde", "emoji-🎬"]
)
def test_keys_may_hold_signs_that_urls_escape(store: ObjectStore, key: str) -> None:
    store.put(f"signs/{key}", b"x")
    store.create(f"created/{key}", b"y")
    assert [info.key for info in store.list("signs/")] == [f"signs/{key}"]
    assert store.get(f"signs/{key}") + store.get(f"created/{key}") == b"xy"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/absolute",
        "../up",
        "a/../b",
        "a//b",
        "a/",
        ".",
        "a/./b",
        "back\\slash",
        "nul\0",
        "x" * 300,
        "\ud800",
    ],
)
def test_bad_keys_are_refused_by_every_verb(store: ObjectStore, key: str) -> None:
    for verb in (
        lambda: store.put(key, b""),
        lambda: store.create(key, b""),
        lambda: store.get(key),
        lambda: store.read_range(key, 0, 1),
        lambda: store.open(key),
        lambda: store.stat(key),
        lambda: store.exists(key),
        lambda: store.delete(key),
    ):
        with pytest.raises(InputError, match="cannot be the key"):
            verb()


@pytest.mark.parametrize("prefix", ["/", "../", "a/../", "a//"])
def test_bad_prefixes_are_refused(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(InputError):
        list(store.list(prefix))


def test_check_passes_and_leaves_nothing(store: ObjectStore) -> None:
    store.check()
    assert not list(store.list())
