"""What the figures of an experiment mean for the person who looks at them: one recommendation, and warnings."""

from __future__ import annotations

import math
from collections.abc import Sequence

from models.experiments.definition import Definition, VariantTally
from models.experiments.effects import Effect, Mean
from models.experiments.guard import Harm
from models.experiments.planning import Need
from models.experiments.sample_ratio import ALARM, SampleRatio

LEAST_PER_VARIANT = 100
LEAST_EVENTS = 10
MUCH_PENDING = 0.1
LEAST_EFFECTIVE = 100.0
#: A variant with less than this part of an equal share of the decisions is chosen rarely.
RARELY = 0.1
#: An expected loss of at most this part of the minimum effect is small: as a loss is never negative, another
#: variant is then better by the minimum effect with a probability of at most as much (Markov).
SMALL_LOSS = 0.1


def recommendation(
    definition: Definition,
    effects: Sequence[Effect],
    best: Sequence[float],
    losses: Sequence[float],
    *,
    counted: int,
    ratio: SampleRatio,
    harms: Sequence[Harm],
    need: Need,
) -> str:
    """One sentence.

    Args:
        definition: of the experiment.
        effects: of every variant but the control.
        best: probability of being best of every variant, in the definition's order.
        losses: expected loss of every variant, on the reward's own scale.
        counted: decisions that count.
        ratio: the sample-ratio check.
        harms: of the guard-rails.
        need: decisions and days still needed.
    """
    control = definition.control_name
    if not counted:
        return "There is nothing to say yet: no decision counts so far."
    if ratio.alarm:
        return (
            "Do not decide on these figures: first find out why the variants were not chosen as they should be."
        )
    harmful = {each.variant for each in harms if each.breached}
    chance = dict(zip(definition.names, best, strict=True))
    better = [each for each in effects if each.significant and (each.difference or 0) > 0]
    sound = [each.variant for each in better if each.variant not in harmful]
    if sound:
        winner = max(sound, key=lambda name: chance[name])
        others = "" if len(sound) == 1 else f" (so are {_listed([n for n in sound if n != winner])})"
        return (
            f"Choose {winner}: it is better than {control}{others}, and looking often has not made it seem so."
        )
    if better:
        names = _listed([each.variant for each in better])
        return f"Keep {control}: {names} earn a better {definition.reward.name}, but break a guard-rail."
    if all(each.significant for each in effects):
        worse = effects[0].variant if len(effects) == 1 else "every other variant"
        return f"Keep {control}: {worse} is worse."
    width = definition.reward.high - definition.reward.low
    smallest = definition.minimum_effect
    if smallest is not None and all(each.high * width < smallest for each in effects):
        return (
            f"Keep {control}, or stop: no variant is better by {smallest:g}, the smallest effect that matters."
        )
    if definition.policy.kind == "thompson" and smallest is not None:
        return _to_earn(definition, losses, harmful, need, counted)
    return _go_on(definition, need, counted)


def _to_earn(
    definition: Definition, losses: Sequence[float], harmful: set[str], need: Need, counted: int
) -> str:
    """Thompson sampling gives up the variants that lose, and so never measures them well: who uses it to earn
    stops by the expected loss of the variant that would be chosen.
    """
    loss, name = min(
        (loss, name) for loss, name in zip(losses, definition.names, strict=True) if name not in harmful
    )
    small = SMALL_LOSS * (definition.minimum_effect or 0.0)
    limit = f"{amount(definition, small)}, a tenth of the minimum effect"
    said = f"The expected loss of choosing {name} is {amount(definition, loss)}"
    if loss <= small and counted >= LEAST_PER_VARIANT * len(definition.names):
        return (
            f"{said}, at most {limit}: conclude with it if the aim was to earn; to measure the difference, "
            f"{_left(need, counted) or 'go on'}."
        )
    return f"{_go_on(definition, need, counted)} {said}: to earn, stop once it is at most {limit}."


def _go_on(definition: Definition, need: Need, counted: int) -> str:
    if definition.minimum_effect is None:
        wanted = "when to stop" if definition.policy.kind == "thompson" else "the days still needed"
        return f"Go on: no difference is certain yet; with a minimum_effect {wanted} could be told."
    if need.decisions is None:
        return "Go on: too little was seen of some variant to say how long it takes."
    if need.decisions <= counted:
        return (
            f"No difference is certain, though an effect of {definition.minimum_effect:g} would probably have "
            f"shown: keep {definition.control_name}, or go on for a smaller one."
        )
    return f"Go on: no difference is certain yet; {_left(need, counted)}."


def _left(need: Need, counted: int) -> str:
    """How much is still to come, in words; empty where nothing is, or nobody knows."""
    if need.decisions is None or need.decisions <= counted:
        return ""
    days = "" if need.days is None else f", in {days_in_words(need.days)} at the traffic so far"
    return f"about {need.decisions - counted:,} more decisions are needed{days}"


def days_in_words(days: float) -> str:
    """A time to come, the same in every place that tells it: whole days, rounded up."""
    if days <= 0:
        return "nothing"
    if days < 1:
        return "less than a day"
    whole = math.ceil(round(days, 2))
    return f"about {whole:,} day{'' if whole == 1 else 's'}"


def amount(definition: Definition, value: float) -> str:
    """A difference of means that has one direction; of rates, in percentage points."""
    return f"{100 * value:.2g} pp" if definition.reward.kind == "binary" else f"{value:.3g}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def warnings(
    definition: Definition,
    tallies: Sequence[VariantTally],
    means: Sequence[Mean],
    effects: Sequence[Effect],
    ratio: SampleRatio,
    harms: Sequence[Harm],
    *,
    ended: bool = False,
) -> list[str]:
    """A sentence for everything that makes the figures weaker than they look. Tallies are in order.

    Once it has ``ended``, nothing advises any more what to do with an experiment that runs.
    """
    found = []
    if ratio.alarm:
        found.append(
            f"The variants were not chosen as often as they should have been (p = "
            f"{ratio.sequential_p_value:.2g} at every look, alarm at {ALARM:g}): decisions are lost or added "
            "somewhere, and no effect here can be trusted."
        )
    found += [
        f"{each.variant} is worse than {definition.control_name} in {each.metric} by at least {each.low:.4g}; "
        f"the limit is {each.limit:g}."
        for each in harms
        if each.breached
    ]
    uneven = [each for each in means if each.counted >= LEAST_PER_VARIANT and each.effective < LEAST_EFFECTIVE]
    if definition.policy.kind == "fixed":
        uneven = []
    rare = _rare(definition, tallies, effects)
    if not ended:
        found += _few(definition, [each for each in tallies if each.variant not in rare])
    found += _unrewarded(definition, tallies, ended=ended)
    found += [
        f"{each.variant}: {each.counted:,} decisions weigh like {each.effective:,.0f} (they were made with "
        "uneven probabilities), so that its mean is uncertain."
        for each in uneven
    ]
    said = [each.variant for each in uneven]
    until = (
        "is wide"
        if ended
        else "stays wide until more decisions go to it; a higher exploration or a fixed split measures faster"
    )
    found += [
        f"{name} was chosen {times(number)}: its interval {until}."
        for name, number in rare.items()
        if name not in said
    ]
    return found


def _rare(definition: Definition, tallies: Sequence[VariantTally], effects: Sequence[Effect]) -> dict[str, int]:
    """Variants that an adaptive policy gave up before their effect was certain -> how often it chose them."""
    total = sum(each.decisions for each in tallies)
    equal = total / len(tallies)
    open_ = {each.variant for each in effects if not each.significant}
    if definition.policy.kind == "fixed" or not open_ or equal < LEAST_PER_VARIANT:
        return {}
    few = max(LEAST_PER_VARIANT, equal * RARELY)
    measured = open_ | {definition.control_name}
    return {
        each.variant: each.decisions for each in tallies if each.variant in measured and each.decisions < few
    }


def times(number: int) -> str:
    """How often, in words."""
    return "once" if number == 1 else f"{number:,} times"


def _few(definition: Definition, tallies: Sequence[VariantTally]) -> list[str]:
    few = [each.variant for each in tallies if each.counted < LEAST_PER_VARIANT]
    if few:
        return [f"Fewer than {LEAST_PER_VARIANT} decisions count of {_listed(few)}: too few to conclude from."]
    if definition.reward.kind != "binary":
        return []
    total, counted = sum(each.reward_sum for each in tallies), sum(each.counted for each in tallies)
    if min(total, counted - total) < LEAST_EVENTS:
        return [
            f"Nearly all had the same result ({total:,.0f} of {counted:,} were 1): too few to conclude from."
        ]
    return []


def _unrewarded(definition: Definition, tallies: Sequence[VariantTally], *, ended: bool) -> list[str]:
    found = []
    decisions, pending = sum(each.decisions for each in tallies), sum(each.pending for each in tallies)
    if ended and pending:
        found.append(
            f"Rewards of {pending:,} decisions from before its end count until their window of "
            f"{definition.reward.window_hours:g} hours closes, so that these figures still change."
        )
    elif decisions and pending / decisions > MUCH_PENDING:
        meanwhile = "count as zero" if definition.reward.missing == "zero" else "are left out"
        found.append(
            f"{pending / decisions:.0%} of the decisions may still get a reward (until "
            f"{definition.reward.window_hours:g} hours have passed) and {meanwhile} until then."
        )
    if not ended and _window_open(definition, tallies):
        found.append(
            "The bandit has learned nothing yet: a decision teaches it once its window of "
            f"{definition.reward.window_hours:g} hours has closed."
        )
    if definition.reward.missing == "ignore" and _missing_differs(tallies):
        found.append(
            "Rewards are missing more often for some variants than for others, and decisions without one are "
            "left out: the effects may come from who answered."
        )
    return found


def _window_open(definition: Definition, tallies: Sequence[VariantTally]) -> bool:
    """Whether a contextual bandit that waits for windows to close has seen none do so."""
    waits = definition.policy.kind == "contextual" and definition.reward.missing == "zero"
    pending = sum(each.pending for each in tallies)
    return waits and 0 < pending == sum(each.decisions - each.rewarded for each in tallies)


def _missing_differs(tallies: Sequence[VariantTally]) -> bool:
    """Whether the share of decisions with a reward differs among variants, by chi-square at 0.001."""
    from scipy import stats

    table = [(each.rewarded, each.decisions - each.rewarded) for each in tallies if each.decisions]
    columns = [sum(column) for column in zip(*table, strict=True)]
    if len(table) < 2 or min(columns) == 0:
        return False
    return float(stats.chi2_contingency(table).pvalue) < ALARM
