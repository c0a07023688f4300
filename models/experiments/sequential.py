"""P-values and intervals that stay valid however often one looks: normal mixtures.

If S_t is a martingale with variance V_t that is asymptotically normal, then with any r > 0 chosen beforehand

    P(there is a t: |S_t| >= sqrt((V_t + r) (log(1 + V_t/r) - 2 log alpha))) <= alpha

in the limit (Robbins 1970; asymptotic confidence sequences: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
"Time-uniform central limit theory and asymptotic confidence sequences", arXiv 2103.06476, theorem 2.2, with
rho^2 = 1/r). Everything here is a function of z = S/sqrt(V) and of the *information* V/r, so that it serves any
scale. For samples that are small the limit is not there yet: see ``effects.moments`` for what is done about it.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, special


def tuned_information(alpha: float) -> float:
    """V/r at which the boundary, as a multiple of sqrt(V), is lowest (arXiv 2103.06476, appendix B.2).

    At the planned sample size the information should have this value.
    """
    return float(-special.lambertw(-(alpha**2) / math.e, -1).real - 1.0)


def boundary(information: float, alpha: float) -> float:
    """How many standard errors wide the interval is to each side; infinite where nothing is known."""
    if information <= 0:
        return math.inf
    return math.sqrt((1 + 1 / information) * (math.log1p(information) - 2 * math.log(alpha)))


def p_value(z: float, information: float) -> float:
    """Smallest alpha at which ``z`` standard errors lie outside the boundary; 1 at most."""
    if information <= 0 or not math.isfinite(z):
        return 1.0
    exponent = 0.5 * math.log1p(information) - 0.5 * z * z * information / (1 + information)
    return math.exp(min(exponent, 0.0))


def paired_p_value(z: float, informations: tuple[float, float]) -> float:
    """The same for the difference of two means whose samples grew in any proportion, even by their own results.

    The product of the two means' mixtures is a martingale, too; over the common mean its least value is taken
    (the stopping rule of best-arm identification: Kaufmann and Koolen 2021, "Mixture martingales revisited").
    ``z`` is in the standard errors of :func:`paired_error`.
    """
    exponent = 0.5 * (math.log1p(informations[0]) + math.log1p(informations[1])) - 0.5 * z * z
    return math.exp(min(exponent, 0.0)) if math.isfinite(exponent) else 1.0


def paired_error(variances: tuple[float, float], informations: tuple[float, float]) -> float:
    """Standard error of a difference for :func:`paired_p_value`, of the ``variances`` of the two means."""
    pairs = zip(variances, informations, strict=True)
    return math.sqrt(sum(variance * (1 + 1 / information) for variance, information in pairs))


def paired_boundary(informations: tuple[float, float], alpha: float) -> float:
    """How many of :func:`paired_error` the interval reaches to each side."""
    return math.sqrt(sum(math.log1p(each) for each in informations) - 2 * math.log(alpha))


def sample_needed(effect: float, deviation: float, *, information: float, alpha: float, power: float) -> float:
    """Decisions at which an effect is found with ``power``, at the latest.

    At n decisions z is N(effect sqrt(n) / deviation, 1); a crossing before n only adds to the power.

    Args:
        effect: difference of means to be found.
        deviation: sqrt(n) times the standard error of the difference.
        information: V/r for each decision.
        alpha: of the two-sided test.
        power: such as 0.8.
    """
    margin = float(special.ndtri(power))

    def excess(logarithm: float) -> float:
        n = math.exp(logarithm)
        return effect * math.sqrt(n) / deviation - boundary(information * n, alpha) - margin

    reach = np.log([1.0, 1e18])
    if excess(reach[0]) >= 0:
        return 1.0
    if excess(reach[1]) <= 0:
        return math.inf
    return math.exp(float(optimize.brentq(excess, reach[0], reach[1])))
