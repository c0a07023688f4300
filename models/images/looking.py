"""A stream of pictures, looked at by a few threads, in its order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from models.images.noticing import Noticed, finder_of, notice
from models.images.options import PhotoOptions

#: (photo keys, largest size in bytes) -> key, bytes, size and why there are no bytes, of each in their order.
Photos = Callable[[Sequence[str], int], Iterable[tuple[str, bytes | None, int | None, str | None]]]

#: A batch of examples is closed at so many photos, or so many bytes of them.
BATCH_PHOTOS, BATCH_BYTES = 32, 16 << 20
#: Photos that are decoded at once, and that wait for it: what a decoded one takes is bounded by max_pixels.
DECODERS = min(4, os.cpu_count() or 1)


def looked_at(photos: Photos, keys: Sequence[str], options: PhotoOptions) -> Iterator[tuple[str, Noticed]]:
    """Each photo and what was noticed, in order; a few are decoded ahead."""
    finder = finder_of(options)
    pool = ThreadPoolExecutor(DECODERS, thread_name_prefix="photos")
    pending: deque[tuple[str, Future[Noticed]]] = deque()
    fetched = iter(photos(keys, options.limits.max_bytes))
    try:
        for photo, data, size, problem in fetched:
            if len(pending) == 2 * DECODERS:
                key, done = pending.popleft()
                yield key, done.result()
            pending.append((photo, pool.submit(notice, data, size, problem, options, finder)))
        while pending:
            key, done = pending.popleft()
            yield key, done.result()
    finally:
        pool.shutdown(cancel_futures=True)
        close = getattr(fetched, "close", None)
        if close is not None:
            close()
