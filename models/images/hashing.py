"""Two fingerprints of a picture: of its bytes, and of what it looks like."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

NONE_KNOWN = 65
_SIDE, _KEPT = 32, 8
_BLOCK_CELLS, _BLOCK_WIDTH = 4_194_304, 65_536


def sha256(data: bytes) -> str:
    """Give the SHA-256 of the file in hex."""
    return hashlib.sha256(data).hexdigest()


def perceptual_hash(pixels: np.ndarray) -> int:
    """Hash what the picture looks like to a signed 64-bit number; near pictures differ in few bits.

    pHash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), 3.2.1: grey
    at 32 x 32, discrete cosine transform, the 8 x 8 lowest frequencies without the first row and column (which
    hold the brightness), each against their median.
    ``pixels``: (h, w, 3) uint8 RGB, or (h, w) grey.
    """
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(small.astype(np.float32))[1 : _KEPT + 1, 1 : _KEPT + 1]
    bits = np.packbits(waves.ravel() > np.median(waves))
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def nearest(hashes: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find for each hash the nearest known one: distances in bits (n,) and indices (n,), int64.

    ``hashes`` (n,) and ``known`` (m,) are int64. Of equally near ones the first counts. With nothing known the
    distance is 65 and the index -1. Works block by block, so that memory does not grow with n times m.
    """
    distances = np.full(len(hashes), NONE_KNOWN, dtype=np.int64)
    indices = np.full(len(hashes), -1, dtype=np.int64)
    wide = min(max(len(known), 1), _BLOCK_WIDTH)
    high = max(1, _BLOCK_CELLS // wide)
    for top in range(0, len(hashes), high):
        rows = slice(top, top + high)
        for left in range(0, len(known), wide):
            bits = np.bitwise_count(
                _unsigned(hashes[rows])[:, None] ^ _unsigned(known[left : left + wide])[None]
            )
            best = bits.argmin(axis=1)
            found = bits[np.arange(len(best)), best]
            better = found < distances[rows]
            distances[rows] = np.where(better, found, distances[rows])
            indices[rows] = np.where(better, best + left, indices[rows])
    return distances, indices


def _unsigned(hashes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(hashes, dtype=np.int64).view(np.uint64)
