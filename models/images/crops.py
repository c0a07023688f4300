"""Crops of a stream's photos: as many as fit in memory are kept, the others are prepared anew on each pass."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np
import pyarrow as pa

from models.images.formats import ImageInvalid
from models.streams import RowStream

T = TypeVar("T")
#: A batch for the network: crops (n, size, size, 3) uint8 and class numbers (n,).
Batch = tuple[np.ndarray, np.ndarray]
Prepare = Callable[[bytes], T]

COLUMN = "image"
#: Photos that a thread prepares at a time, and how many such lots may be under way for each thread.
_LOT, _AHEAD = 16, 3
#: Crops that wait to be drawn from where a pass goes over rows that are not kept.
SHUFFLE = 2048


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def as_stream(rows: RowStream | pa.Table) -> RowStream:
    """``rows`` as a stream, for tables that are small enough to be in memory with their photos."""
    if isinstance(rows, RowStream):
        return rows
    light = rows.drop_columns([COLUMN])
    return RowStream(light, lambda: iter(rows.to_batches()))


def prepared(
    rows: RowStream, prepare: Prepare[T], workers: int | None = None
) -> Generator[T | None, None, None]:
    """One pass over all photos in order, prepared by several threads a little ahead of who asks; None for a
    photo that cannot be opened.

    Memory stays flat: what is under way is a few lots of photos.
    """
    count = workers or cores()
    with ThreadPoolExecutor(count, thread_name_prefix="photos") as pool:
        waiting: deque[Future[list[T | None]]] = deque()
        try:
            for lot in _lots(rows):
                waiting.append(pool.submit(_prepare_all, prepare, lot))
                if len(waiting) >= count * _AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def ahead(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """``items``, taken by a thread of its own up to ``depth`` items ahead; stops it when it is closed."""
    room: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(depth)
    stop = threading.Event()

    def put(entry: tuple[T | None, BaseException | None, bool]) -> bool:
        while not stop.is_set():
            try:
                room.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None, False)):
                    break
            put((None, None, True))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the items are used
            put((None, error, True))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, name="photos-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error, last = room.get()
            if error is not None:
                raise error
            if last:
                return
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()


class Crops:
    """Crops and class numbers of a stream's rows.

    Args:
        rows: the photos, in the column ``image``.
        labels: (rows,) class numbers.
        prepare: an image file -> (size, size, 3) uint8; raises ImageInvalid.
        size: pixels a side.
        room: bytes that kept crops may take.

    Attributes:
        kept: (m, size, size, 3) uint8 of the first rows that can be opened; ``kept_labels`` (m,).
        unreadable: photos that cannot be opened, among the rows looked at so far.
    """

    def __init__(
        self, rows: RowStream, labels: np.ndarray, prepare: Prepare[np.ndarray], size: int, room: int
    ) -> None:
        self._prepare = prepare
        fits = min(rows.num_rows, max(0, room) // (3 * size * size))
        self.kept = np.empty((fits, size, size, 3), np.uint8)
        self.kept_labels = np.empty(fits, np.int64)
        self.unreadable = self._missing = 0
        self._rest, self._rest_labels = self._fill(rows, labels, fits)

    def __len__(self) -> int:
        """Rows; those that are not kept may yet turn out not to be readable."""
        return len(self.kept) + self._rest.num_rows

    @property
    def readable(self) -> int:
        """Rows that can be opened, as far as is known."""
        return len(self) - self._missing

    @property
    def labels(self) -> np.ndarray:
        """(n,) class numbers of all rows."""
        return np.concatenate([self.kept_labels, self._rest_labels])

    @property
    def streamed(self) -> int:
        """Rows that are prepared anew on each pass."""
        return self._rest.num_rows

    def in_order(self, size: int) -> Iterator[Batch]:
        """One pass in batches of at most ``size``, always in the same order."""
        for start in range(0, len(self.kept), size):
            yield self.kept[start : start + size], self.kept_labels[start : start + size]
        yield from _batched(self._pass(), size)

    def shuffled(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """One pass in batches of ``size``, mixed by ``rng``; what is left over is left out.

        Kept rows are mixed completely; the others come in the stream's order through a buffer from which they
        are drawn at random, spread evenly between the kept ones.
        """
        order = rng.permutation(len(self.kept))
        if not self.streamed:
            for start in range(0, len(order) - size + 1, size):
                chosen = order[start : start + size]
                yield self.kept[chosen], self.kept_labels[chosen]
            return
        from_rest = rng.permutation(np.arange(len(self)) >= len(self.kept))
        rest = _drawn(ahead(self._pass(), SHUFFLE), SHUFFLE, rng)
        try:
            at = 0
            for start in range(0, len(self) - size + 1, size):
                wanted = int(from_rest[start : start + size].sum())
                drawn = list(islice(rest, wanted))
                chosen = order[at : at + size - wanted]
                at += size - wanted
                if len(drawn) + len(chosen) < size:
                    return  # some of the rest could not be opened
                crops = [self.kept[chosen], *(crop[None] for crop, _ in drawn)]
                labels = [self.kept_labels[chosen], np.array([label for _, label in drawn], np.int64)]
                yield np.concatenate(crops), np.concatenate(labels)
        finally:
            rest.close()

    def _fill(self, rows: RowStream, labels: np.ndarray, fits: int) -> tuple[RowStream, np.ndarray]:
        """Keep the first rows that can be opened; gives what is left, and its labels."""
        seen = filled = 0
        crops = prepared(rows, self._prepare)
        try:
            while filled < fits and seen < rows.num_rows:
                crop = next(crops)
                if crop is None:
                    self.unreadable += 1
                else:
                    self.kept[filled], self.kept_labels[filled] = crop, labels[seen]
                    filled += 1
                seen += 1
        finally:
            crops.close()
        self.kept, self.kept_labels = self.kept[:filled], self.kept_labels[:filled]
        return rows.filter(np.arange(rows.num_rows) >= seen), labels[seen:]

    def _pass(self) -> Iterator[tuple[np.ndarray, int]]:
        """The rows that are not kept, prepared anew."""
        missing = 0
        for crop, label in zip(prepared(self._rest, self._prepare), self._rest_labels, strict=True):
            if crop is None:
                missing += 1
            else:
                yield crop, int(label)
        self.unreadable += missing - self._missing  # each pass finds the same ones
        self._missing = missing


def _drawn(
    items: Generator[tuple[np.ndarray, int], None, None], depth: int, rng: np.random.Generator
) -> Generator[tuple[np.ndarray, int], None, None]:
    """``items`` in another order: each is drawn from the next ``depth`` of them."""
    held: list[tuple[np.ndarray, int]] = []
    try:
        for item in items:
            if len(held) < depth:
                held.append(item)
                continue
            place = int(rng.integers(depth))
            held[place], item = item, held[place]
            yield item
        for place in rng.permutation(len(held)):
            yield held[place]
    finally:
        items.close()


def _batched(items: Iterator[tuple[np.ndarray, int]], size: int) -> Iterator[Batch]:
    held: list[tuple[np.ndarray, int]] = []
    for item in items:
        held.append(item)
        if len(held) == size:
            yield np.stack([crop for crop, _ in held]), np.array([label for _, label in held], np.int64)
            held = []
    if held:
        yield np.stack([crop for crop, _ in held]), np.array([label for _, label in held], np.int64)


def _lots(rows: RowStream) -> Iterator[pa.Array]:
    for batch in rows.batches():
        photos = batch.column(COLUMN)
        for start in range(0, len(photos), _LOT):
            yield photos.slice(start, _LOT)


def _prepare_all(prepare: Prepare[T], photos: pa.Array) -> list[T | None]:
    """Each photo prepared, in a worker thread."""
    found: list[T | None] = []
    for photo in photos:
        data = photo.as_py()
        try:
            found.append(prepare(data) if data is not None else None)
        except ImageInvalid:
            found.append(None)
    return found
