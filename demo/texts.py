"""Words of the sample world: categories, title patterns, hashtags."""

from __future__ import annotations

import numpy as np

CATEGORIES = ("comedy", "dance", "food", "sports", "beauty", "education", "pets", "gaming", "travel", "music")
LANGUAGES = ("en", "es", "pt", "de", "fr")
COUNTRIES = {"en": "US", "es": "MX", "pt": "BR", "de": "DE", "fr": "FR"}

_SUBJECTS = {
    "comedy": ("my neighbour", "this prank", "my boss", "the group chat"),
    "dance": ("this routine", "the new step", "our crew", "my grandma"),
    "food": ("this 5 minute ramen", "street tacos", "my lunch box", "a giant croissant"),
    "sports": ("this free kick", "the last minute", "my first marathon", "a wild rally"),
    "beauty": ("this skincare hack", "my morning routine", "glass skin", "one lipstick, 3 looks"),
    "education": ("black holes", "how money works", "Latin in 60 seconds", "the Roman road"),
    "pets": ("my cat", "the rescue puppy", "a very rude parrot", "two kittens"),
    "gaming": ("this speedrun", "the secret level", "my worst lobby", "a 1 HP clutch"),
    "travel": ("Lisbon at night", "a hidden beach", "the slow train", "3 days in Oaxaca"),
    "music": ("this chorus", "a street violin", "my first beat", "the bridge of that song"),
}
_PATTERNS = (
    "You won't believe {s}!",
    "Wait for it... {s}",
    "POV: {s} again",
    "{s} (part {n})",
    "I tried {s} so you don't have to",
    "Why nobody talks about {s}?",
    "{s}",
    "Honest review of {s}",
    "{n} things about {s} you should know",
    "STOP scrolling: {s}",
)
_TAGS = ("#fyp", "#viral", "#foryou", "#trending", "#xyzbca", "#duet")
_EMOJI = ("😂", "🔥", "😱", "❤️", "✨", "🐱")


def titles(category: np.ndarray, showy: np.ndarray, rng: np.random.Generator) -> list[str]:
    """One title a video.

    Args:
        category: (n,) indices into ``CATEGORIES``.
        showy: (n,) in [0, 1], how much a title is made to catch the eye.
        rng: source of randomness.
    """
    result = []
    for index, loud in zip(category, showy, strict=True):
        name = CATEGORIES[index]
        subject = _SUBJECTS[name][rng.integers(len(_SUBJECTS[name]))]
        # showy titles come from the front of the list
        pattern = _PATTERNS[min(int(rng.beta(1 + 2 * (1 - loud), 1 + 2 * loud) * len(_PATTERNS)), 9)]
        text = pattern.format(s=subject, n=rng.integers(2, 12))
        if rng.random() < loud:
            text += " " + _EMOJI[rng.integers(len(_EMOJI))]
        tags = rng.permutation(_TAGS)[: rng.integers(0, 4)]
        result.append(" ".join([text, *tags, f"#{name}"]))
    return result
