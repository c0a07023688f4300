"""A small world of texts that can be learned in a second."""

from __future__ import annotations

import numpy as np

# fmt: off
GOOD = ["lovely", "day", "at", "the", "lake", "with", "friends", "and", "cake", "we", "had", "great", "music"]
RUDE = ["stupid", "idiot", "moron", "loser", "trash", "shutup", "dumb", "pathetic", "clown", "garbage"]
SPAM = ["win", "free", "prize", "click", "subscribe", "channel", "cash", "offer", "winner", "viagra"]
# fmt: on
HATED = ["group", "people", "those", "foreigners"]


def texts(count: int, seed: int) -> tuple[list[str], list[str]]:
    """``count`` texts and their labels: clean, toxicity, spam."""
    rng = np.random.default_rng(seed)
    said, labels = [], []
    for _ in range(count):
        words = rng.choice(GOOD, 6).tolist()
        label = str(rng.choice(["clean", "toxicity", "spam", "hate+toxicity"], p=[0.5, 0.2, 0.2, 0.1]))
        more = {"clean": [], "toxicity": RUDE, "spam": SPAM, "hate+toxicity": RUDE}[label]
        words += rng.choice(more, 3).tolist() if more else []
        words += rng.choice(HATED, 2).tolist() if "hate" in label else []
        rng.shuffle(words)
        said.append(" ".join(words))
        labels.append(label)
    return said, labels
