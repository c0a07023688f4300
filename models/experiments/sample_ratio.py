"""Sample-ratio mismatch: were the variants chosen as often as they should have been?

If not, something between the choice and the log loses or adds decisions, and no effect can be trusted (Fabijan
et al. 2019, "Diagnosing sample ratio mismatch in online controlled experiments").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from models.experiments import sequential
from models.experiments.definition import Definition, VariantTally
from models.experiments.effects import in_order

ALARM = 0.001
#: Chi-square's law needs that many expected in each variant.
LEAST_EXPECTED = 5.0
#: Of the sequential test's prior: deviations of about sqrt(share (1 - share) / 1000) are found soonest.
CONCENTRATION = 1000.0


@dataclass(frozen=True)
class SampleRatio:
    """What the check found.

    Attributes:
        checked: False while there is too little to check.
        p_value: of the customary chi-square test under a fixed split, valid at one look; of the martingale test
            under an adaptive policy, valid at every look.
        sequential_p_value: valid at every look.
        alarm: ``sequential_p_value`` is below 0.001. Pages look every few seconds: by the customary test one
            sound experiment in fifty would raise the alarm at some look.
    """

    checked: bool
    p_value: float | None
    sequential_p_value: float | None
    alarm: bool


def sample_ratio(definition: Definition, tallies: Sequence[VariantTally]) -> SampleRatio:
    """Check the counts against the shares, or the weights against the decisions."""
    ordered = in_order(definition, tallies)
    if definition.policy.kind == "fixed":
        return _against_shares(definition, ordered)
    return _against_propensities(definition, ordered)


def _against_shares(definition: Definition, tallies: Sequence[VariantTally]) -> SampleRatio:
    counts = np.array([each.decisions for each in tallies], float)
    shares = np.array([each.share for each in definition.variants])
    shares = shares / shares.sum()
    expected = counts.sum() * shares
    if expected.min() < LEAST_EXPECTED:
        return SampleRatio(False, None, None, False)
    p = float(stats.chisquare(counts, expected).pvalue)
    sequentially = multinomial_p_value(counts, shares)
    return SampleRatio(True, p, sequentially, sequentially < ALARM)


def multinomial_p_value(counts: np.ndarray, shares: np.ndarray) -> float:
    """Valid at every look: a Dirichlet-multinomial mixture of counts (k,) against shares (k,) (Lindon and Malek
    2022, "Anytime-valid inference for multinomial count data", eq. 3).
    """
    prior = CONCENTRATION * shares
    log_evidence = special.gammaln(CONCENTRATION) - special.gammaln(CONCENTRATION + counts.sum())
    log_evidence += (special.gammaln(prior + counts) - special.gammaln(prior)).sum()
    log_evidence -= (counts * np.log(shares)).sum()
    return math.exp(min(-float(log_evidence), 0.0))


def _against_propensities(definition: Definition, tallies: Sequence[VariantTally]) -> SampleRatio:
    """Over all decisions, sum 1{A=a}/p - 1 is a martingale for each arm a with variance sum (1/p - 1).

    The weights are those of the decisions that count: with ``missing`` set to ``ignore``, rewards that go
    missing more often in one variant than in another raise the alarm, too: the effect is just as wrong then.
    """
    decisions = sum(each.counted for each in tallies)
    floor = definition.policy.exploration
    if decisions * floor < LEAST_EXPECTED:
        return SampleRatio(False, None, None, False)
    equal = decisions_variance(definition.planned_decisions, len(tallies))
    p_values = []
    for each in tallies:
        p_values += [_weights_p_value(each, decisions, equal), _starved_p_value(each.counted, decisions, floor)]
    p = min(min(p_values) * len(p_values), 1.0)
    return SampleRatio(True, p, p, p < ALARM)


def decisions_variance(decisions: int, variants: int) -> float:
    """Variance of an arm's weights, all variants being equally likely; 1 at least."""
    return max(float(decisions * (variants - 1)), 1.0)


def _weights_p_value(tally: VariantTally, decisions: int, planned_variance: float) -> float:
    """Of the arm's weights against the decisions.

    The variance is sum (1/p - 1) over all decisions, estimated by sums over the arm's own: the greater of the
    plain and the self-normalised one, as an arm with too few decisions shows too small a plain one.
    """
    if tally.weights <= 0:
        return 1.0
    plain = tally.weight_squares - tally.weights
    normalised = decisions * (tally.weight_squares / tally.weights - 1)
    variance = max(plain, normalised)
    if variance <= 0:
        return 1.0
    information = variance * sequential.tuned_information(ALARM) / planned_variance
    return sequential.p_value((tally.weights - decisions) / math.sqrt(variance), information)


def _starved_p_value(count: int, decisions: int, floor: float) -> float:
    """Valid at every look: an arm whose probability is never below ``floor`` has at least binomial counts.

    A mixture of likelihood ratios of smaller probabilities (uniform below the floor) against the floor itself:
    where the true probability is greater, it is a supermartingale still.
    """
    log_ratio = special.betaln(count + 1, decisions - count + 1) - math.log(floor)
    tail = float(special.betainc(count + 1, decisions - count + 1, floor))
    if tail <= 0:
        return 1.0
    log_ratio += math.log(tail) - count * math.log(floor) - (decisions - count) * math.log1p(-floor)
    return math.exp(min(-log_ratio, 0.0))
