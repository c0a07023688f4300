"""One answer for several photos of the same person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def aggregate(answers: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    """The class of several photos together, from the answers to each.

    The probabilities are the mean over the photos. Those that are none of the classes do not count, unless all
    are: then the whole is none of the classes too.

    Raises:
        ValueError: there are no answers.
    """
    if not answers:
        raise ValueError("There are no answers to put together.")
    counted = [answer for answer in answers if not answer["none_of_these"]]
    used = counted or answers
    means = {name: sum(answer["probabilities"][name] for answer in used) / len(used) for name in classes}
    best = max(classes, key=lambda name: means[name])
    return {
        "class": best,
        "confidence": means[best],
        "probabilities": means,
        "none_of_these": not counted,
        "photos": len(answers),
    }
