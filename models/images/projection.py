"""Embeddings in the plane, for a picture: t-SNE (van der Maaten and Hinton 2008)."""

from __future__ import annotations

import numpy as np

#: Points that a picture can show and a reader can take in.
MOST = 600
_PERPLEXITY = 30.0
_ENOUGH = 10


def project(embeddings: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (n, d) in the plane; of more than ``MOST`` a sample.

    Returns:
        (m, 2) points, and (m,) the row of each.
    """
    rows = np.arange(len(embeddings))
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(seed).permutation(len(rows))[:MOST])
    values = embeddings[rows].astype(np.float64)
    centred = values - values.mean(axis=0)
    # principal components, with the sign fixed so that the same rows give the same picture
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2][np.arange(len(axes[:2])), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    plane = np.zeros((len(rows), 2))
    plane[:, : len(axes)] = centred @ axes.T
    if len(rows) < _ENOUGH or not plane[:, 0].std():
        return plane, rows
    from sklearn.manifold import TSNE

    start = plane / plane[:, 0].std() * 1e-4
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3.0)
    found = TSNE(2, perplexity=perplexity, init=start, random_state=seed, max_iter=500).fit_transform(values)
    return np.asarray(found, np.float64), rows
