"""Simulated experiments, many at once: what their logs sum up to at each look. For tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from models.experiments.definition import Definition, VariantTally

_FIELDS = (
    "counted", "reward_sum", "reward_squares", "weights", "weight_squares", "weighted_rewards",
    "weighted_reward_squares", "weighted_cross",
)  # fmt: skip
DRAWS = 64


@dataclass(frozen=True)
class World:
    """What is simulated.

    Attributes:
        rates: (k,) mean rewards of 0..1.
        drift: at time t of n every rate is multiplied by 1 + drift * sin(2 pi 3 t / n): hours of a day.
        broken: the propensities that are logged are not those drawn with: this much of the choices goes to the
            first variant besides.
        spread: None for rewards of 0 or 1; else rewards are uniform, this wide around the rate.
    """

    rates: tuple[float, ...]
    drift: float = 0.0
    broken: float = 0.0
    spread: float | None = None


def simulate(
    definition: Definition,
    world: World,
    *,
    repeats: int,
    decisions: int,
    look: int,
    seed: int,
    batch: int = 50,
) -> Iterator[tuple[int, list[list[VariantTally]]]]:
    """At each look: how many decisions there were, and the tallies of every repeat.

    The policy sees the batches before. Thompson sampling is vectorised here: its chances come from
    normal approximations of the Beta posteriors, and they are floored, drawn from and logged as ours are.
    """
    rng = np.random.default_rng(seed)
    k = len(world.rates)
    sums = np.zeros((repeats, k, len(_FIELDS)))
    for start in range(0, decisions, batch):
        chances = _chances(definition, sums, rng)
        drawn_with = (1 - world.broken) * chances + world.broken * np.eye(k)[0]
        edges = drawn_with.cumsum(axis=1)[:, None, :-1]
        arms = (rng.random((repeats, batch, 1)) > edges).sum(axis=2)
        wave = 1 + world.drift * np.sin(6 * np.pi * np.arange(start, start + batch) / decisions)
        rates = np.asarray(world.rates)[arms] * wave
        rewards = _rewards(rates, world, rng)
        _add(sums, arms, rewards, chances)
        done = start + batch
        if done % look == 0:
            yield done, [_tallies(definition, row) for row in sums]


def _rewards(rates: np.ndarray, world: World, rng: np.random.Generator) -> np.ndarray:
    if world.spread is None:
        return (rng.random(rates.shape) < rates).astype(float)
    return np.clip(rates + world.spread * (rng.random(rates.shape) - 0.5), 0.0, 1.0)


def _add(sums: np.ndarray, arms: np.ndarray, rewards: np.ndarray, chances: np.ndarray) -> None:
    for arm in range(sums.shape[1]):
        chosen, w = (arms == arm).astype(float), 1 / chances[:, arm]
        n, first, second = chosen.sum(axis=1), (chosen * rewards).sum(axis=1), (chosen * rewards**2).sum(axis=1)
        columns = (n, first, second, n * w, n * w**2, first * w, second * w**2, first * w**2)
        sums[:, arm] += np.stack(columns, axis=1)


def _chances(definition: Definition, sums: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(repeats, k) probabilities of the arms."""
    repeats, k, _ = sums.shape
    if definition.policy.kind == "fixed":
        shares = np.array([variant.share for variant in definition.variants])
        return np.tile(shares / shares.sum(), (repeats, 1))
    first, second = 1 + sums[:, :, 1], 1 + sums[:, :, 0] - sums[:, :, 1]
    mean, total = first / (first + second), first + second
    sd = np.sqrt(mean * (1 - mean) / (total + 1))
    if k == 2:
        right = special.ndtr((mean[:, 1] - mean[:, 0]) / np.hypot(sd[:, 0], sd[:, 1]))
        best = np.stack([1 - right, right], axis=1)
    else:
        drawn = mean[:, None] + sd[:, None] * rng.standard_normal((repeats, DRAWS, k))
        best = np.eye(k)[drawn.argmax(axis=2)].mean(axis=1)
    floor = definition.policy.exploration
    return np.asarray((1 - k * floor) * best + floor)


def _tallies(definition: Definition, row: np.ndarray) -> list[VariantTally]:
    tallies = []
    for name, values in zip(definition.names, row.tolist(), strict=True):
        n = round(values[0])
        rest = dict(zip(_FIELDS[1:], values[1:], strict=True))
        tallies.append(VariantTally(name, decisions=n, rewarded=n, counted=n, **rest))
    return tallies


def alarms(
    definition: Definition, looks: Iterator[tuple[int, Sequence[Sequence[VariantTally]]]], alpha: float = 0.05
) -> dict[str, np.ndarray]:
    """Of every repeat: whether any look, or the last one (``_last``), had a significant effect (``sequential``)
    or one whose fixed-horizon p-value was below ``alpha`` (``fixed``); and the last difference, low, high,
    fixed_low, fixed_high of the first variant after the control.
    """
    from models.experiments.effects import effects

    found: dict[str, np.ndarray] = {}
    last = []
    for _, repeats in looks:
        results = [effects(definition, tallies, alpha) for tallies in repeats]
        now = {
            "sequential": np.array([any(each.significant for each in row) for row in results]),
            "fixed": np.array([any(each.fixed_p_value < alpha for each in row) for row in results]),
        }
        for name, values in now.items():
            found[name] = found.get(name, False) | values
            found[f"{name}_last"] = values
        last = [row[0] for row in results]
    for name in ("difference", "low", "high", "fixed_low", "fixed_high"):
        found[name] = np.array([getattr(each, name) for each in last], float)
    return found
