"""Which faults come when: drawn from a seed, in rounds with every kind in them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chaos.kinds import JUMPS, KINDS

PAUSES = (1.0, 4.0)
#: What has many targets comes more often in a round; all else once.
SHARES = {"kill": 3, "pause": 2}


@dataclass(frozen=True)
class Planned:
    """A fault to come: ``seconds`` it lasts, ``wait`` seconds after the one before was over.

    ``detail``: of a clock, how it jumps; else empty.
    """

    number: int
    kind: str
    target: str
    seconds: float
    wait: float
    detail: str = ""


def plan_faults(seed: int, kinds: Iterable[str]) -> Iterator[Planned]:
    """Endless, and the same for the same seed and kinds: rounds of all kinds in random order, each time at
    another target until all of its targets were hit. A part hangs once: it takes more than a minute.
    """
    draw = random.Random(seed)
    names = [name for name in sorted(kinds) for _ in range(SHARES.get(name, 1))]
    targets: dict[str, list[str]] = {}
    number = 0
    while names:
        draw.shuffle(names)
        for name in tuple(names):
            kind = KINDS[name]
            if not targets.get(name):
                targets[name] = draw.sample(kind.targets, len(kind.targets))
            number += 1
            yield Planned(
                number=number,
                kind=name,
                target=targets[name].pop(),
                seconds=round(draw.uniform(kind.shortest, kind.longest), 2),
                wait=round(draw.uniform(*PAUSES), 2),
                detail=draw.choice(tuple(JUMPS)) if name == "clock" else "",
            )
        if "hang" in names:
            names.remove("hang")
