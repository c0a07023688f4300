"""What items are about, as vectors: words, tags, category and author, weighed by how telling they are.

TF-IDF over hashed words, projected to few dimensions by a truncated SVD (latent semantic analysis: Deerwester
et al. 1990); two items are as similar as the cosine of their vectors. A new item has its vector at once.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.recommendation.neighbours import Neighbours, blocks, top_rows
from models.words import BUCKETS, buckets

DIMENSIONS = 64
#: Similar items that are kept of each item, and how similar they are at least.
SIMILAR, LEAST_SIMILAR = 50, 0.1
#: From more items on, neighbours are found by an approximate index (HNSW) instead of by comparing all with all.
EXACT_ITEMS = 20_000
#: Where there are few items or few different words, vectors are made by a random projection instead.
FEWEST_FOR_SVD = 200
_PROJECTION_SEED = 20
_FIELDS = (("category", b"c"), ("author_id", b"a"), ("language", b"l"))


def features(item: Mapping[str, Any]) -> list[int]:
    """The buckets of an item's words (``text``), ``tags``, ``category``, ``author_id`` and ``language``."""
    found = set(buckets(item.get("text")))
    named = [(tag.strip().lower(), b"t") for tag in item.get("tags") or () if tag]
    named += [(item[name], mark) for name, mark in _FIELDS if item.get(name)]
    found.update(zlib.crc32(value.encode(), zlib.crc32(mark)) & (BUCKETS - 1) for value, mark in named)
    return sorted(found)


@dataclass(frozen=True)
class ContentEncoder:
    """Buckets (m,) int32 that say something, and (m, d) float32 what each adds to a vector."""

    known: np.ndarray
    directions: np.ndarray

    @classmethod
    def silent(cls) -> ContentEncoder:
        """An encoder to which nothing says anything."""
        return cls(np.zeros(0, np.int32), np.zeros((0, DIMENSIONS), np.float32))

    def encode(self, items: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """(n, d) float32 vectors of length 1; all zero where nothing is known of an item."""
        vectors = np.zeros((len(items), self.directions.shape[1]), np.float32)
        for row, item in enumerate(items):
            wanted = np.array(features(item), np.int32)
            at = np.searchsorted(self.known, wanted)
            at[at == len(self.known)] = 0
            vectors[row] = self.directions[at[self.known[at] == wanted]].sum(axis=0) if len(self.known) else 0
        return normalised(vectors)


def fit_content(items: Sequence[Mapping[str, Any]], seed: int) -> tuple[ContentEncoder, np.ndarray]:
    """An encoder fitted to ``items``, and their vectors (n, d)."""
    from scipy.sparse import csr_array

    lists = [features(item) for item in items]
    sizes = np.array([len(found) for found in lists], np.int64)
    flat = np.fromiter((bucket for found in lists for bucket in found), np.int32, int(sizes.sum()))
    known, columns, counts = np.unique(flat, return_inverse=True, return_counts=True)
    # what one item alone has relates it to nothing; what all have tells nothing
    telling = (counts > 1) & (counts < max(len(items), 3))
    if not telling.any():
        return ContentEncoder.silent(), np.zeros((len(items), DIMENSIONS), np.float32)
    idf = np.log((1 + len(items)) / (1 + counts)) + 1
    rows = np.repeat(np.arange(len(items)), sizes)
    kept = telling[columns]
    place = np.cumsum(telling) - 1
    matrix = csr_array(
        (idf[columns[kept]], (rows[kept], place[columns[kept]])), shape=(len(items), int(telling.sum()))
    )
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).reshape(-1)
    scaled = csr_array(matrix.multiply((1 / np.maximum(lengths, 1e-12))[:, None]))
    directions = _directions(scaled, seed)
    encoder = ContentEncoder(
        known[telling].astype(np.int32), (directions * idf[telling, None]).astype(np.float32)
    )
    return encoder, normalised(np.asarray(matrix @ directions))


def _directions(scaled: Any, seed: int) -> np.ndarray:
    """(m, d) directions of the columns of (n, m): singular vectors; random ones where there is too little."""
    rows, columns = scaled.shape
    if min(rows, columns) < FEWEST_FOR_SVD:
        rng = np.random.default_rng(_PROJECTION_SEED)
        return np.asarray(rng.choice([-1.0, 1.0], size=(columns, DIMENSIONS)) / np.sqrt(DIMENSIONS))
    from sklearn.decomposition import TruncatedSVD

    svd = TruncatedSVD(DIMENSIONS, n_iter=4, random_state=seed)
    svd.fit(scaled)
    return np.asarray(svd.components_.T)


def normalised(vectors: np.ndarray) -> np.ndarray:
    """(n, d) rows of length 1; rows without any stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def similar_items(vectors: np.ndarray, exact_items: int = EXACT_ITEMS) -> Neighbours:
    """The most similar other items of each of (n, d) vectors: exact up to ``exact_items``, else by HNSW."""
    if not vectors.any():
        return Neighbours.none(len(vectors))
    return _exact(vectors) if len(vectors) <= exact_items else _approximate(vectors)


def nearest(vectors: np.ndarray, among: np.ndarray) -> Neighbours:
    """The most similar of ``among`` (n, d) for each of ``vectors`` (m, d)."""
    parts = [_similar(vectors[rows] @ among.T) for rows in blocks(len(vectors), len(among))]
    return Neighbours.joined(parts) if parts else Neighbours.none(0)


def _exact(vectors: np.ndarray) -> Neighbours:
    parts = []
    for rows in blocks(len(vectors), len(vectors)):
        block = vectors[rows] @ vectors.T
        block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = 0  # itself
        parts.append(_similar(block))
    return Neighbours.joined(parts)


def _similar(block: np.ndarray) -> Neighbours:
    places, values = top_rows(block, SIMILAR)
    return Neighbours.of_rows(places, np.where(values < LEAST_SIMILAR, 0, values))


def _approximate(vectors: np.ndarray) -> Neighbours:
    """By usearch's HNSW (Malkov and Yashunin 2018); by one thread, so that equal vectors give equal graphs."""
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="cos", dtype="f16")
    index.add(np.arange(len(vectors)), vectors, threads=1)
    parts = []
    for rows in blocks(len(vectors), SIMILAR * 40):
        found = index.search(vectors[rows], SIMILAR + 1, threads=0)
        keys = np.asarray(found.keys).astype(np.int64)
        close = 1 - np.asarray(found.distances)
        close[keys == np.arange(rows.start, rows.stop)[:, None]] = 0
        close[~np.isfinite(close) | (close < LEAST_SIMILAR)] = 0
        parts.append(Neighbours.of_rows(keys, close))
    return Neighbours.joined(parts)
