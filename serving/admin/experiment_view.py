"""What the page of an experiment shows, as texts and shapes by key: the page has them, the poll renews them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np

from models.experiments.advice import days_in_words
from models.experiments.definition import Definition
from models.experiments.posterior import Posteriors, posteriors
from serving.admin import experiment_charts as charts
from serving.admin.formats import figure, number, percent, second, signed, when
from serving.experiments.snapshot import variant_counts

#: Colours of lines; with the dashes there are more looks than variants.
COLOURS = 8
#: A span of the chart whose moments are told to the second.
SHORT = timedelta(minutes=10)


@dataclass
class LiveView:
    """Everything on the page that changes while one looks.

    Attributes:
        text: key -> what stands there; where it is empty, the element that says so is hidden.
        shapes: key -> the ``d`` of a path.
        lists: key -> sentences.
        tables: key -> rows of cells.
    """

    text: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


class Scale:
    """How rewards are written: of a binary one, the mean is a rate."""

    def __init__(self, definition: Definition) -> None:
        self._rate = definition.reward.kind == "binary"

    def value(self, value: float | None) -> str:
        """A mean."""
        if value is None or not self._rate:
            return figure(value)
        return f"{100 * value:.2f} %"

    def difference(self, value: float | None) -> str:
        """A difference of means; of rates, in percentage points."""
        if value is None:
            return "–"
        sign = "+" if value > 0 else "−" if value < 0 else "±"
        return f"{sign}{100 * abs(value):.2f} pp" if self._rate else f"{sign}{figure(abs(value))}"

    def loss(self, value: float) -> str:
        """A difference that has one direction only."""
        return f"{100 * value:.2f} pp" if self._rate else figure(value)

    def span(self, low: float | None, high: float | None) -> str:
        """An interval of means."""
        return "–" if low is None or high is None else f"{self.value(low)} to {self.value(high)}"

    def difference_span(self, low: float | None, high: float | None) -> str:
        """An interval of differences."""
        return "–" if low is None or high is None else f"{self.difference(low)} to {self.difference(high)}"


def live_view(
    definition: Definition, stats: Mapping[str, Any], timeline: Sequence[Mapping[str, Any]]
) -> LiveView:
    """The view of an experiment that has started.

    Args:
        definition: of the experiment.
        stats: ExperimentDesk.stats().
        timeline: ExperimentDesk.timeline().
    """
    view, scale = LiveView(), Scale(definition)
    _headline(view, stats)
    _shares(view, definition, timeline)
    _variants(view, definition, stats, scale)
    _effects(view, stats, scale)
    _rails(view, stats)
    return view


def look(place: int) -> str:
    """The classes of the line of the variant at ``place``."""
    return f"line-{place % COLOURS} dash-{place // COLOURS}"


def leader(definition: Definition, variants: Sequence[Mapping[str, Any]]) -> tuple[str, float] | None:
    """Who is most likely the best by the counts of storage, and how likely; None before the first reward."""
    if not any(one["rewarded"] for one in variants):
        return None
    counts = tuple(
        (one["decisions"], one["rewarded"], one["reward_sum"], one["reward_squares"]) for one in variants
    )
    chances = posteriors(definition, variant_counts(definition, counts)).best()
    place = int(np.argmax(chances))
    return definition.names[place], float(chances[place])


def other_policies(definition: Definition, found: Mapping[str, Any]) -> list[list[str]]:
    """ExperimentDesk.off_policy() as rows: policy, three estimates with intervals, effective size, warning."""
    scale = Scale(definition)

    def told(one: Mapping[str, Any] | None) -> str:
        if one is None or one["value"] is None:
            return "–"
        return f"{scale.value(one['value'])} ({scale.span(one['low'], one['high'])})"

    rows = [["as it was", "–", told(found["logged"]), "–", number(found["rows"]), ""]]
    for one in found["policies"]:
        name = "uniform split" if one["variant"] is None else f"always {one['variant']}"
        estimates = [told(one[kind]) for kind in ("ips", "snips", "doubly_robust")]
        rows.append([name, *estimates, number(one["effective_sample_size"]), one["warning"] or ""])
    return rows


def _headline(view: LiveView, stats: Mapping[str, Any]) -> None:
    best = max(stats["variants"], key=lambda one: one["probability_best"] or 0.0)
    days = stats["days_needed"]
    ratio = stats["sample_ratio"]
    view.text |= {
        "decisions": number(stats["decisions"]),
        "rewarded": number(stats["rewarded"]),
        "pending": number(stats["pending"]),
        "leader": best["variant"] if stats["rewarded"] else "–",
        "leader-chance": f"best with {percent(best['probability_best'])}"
        if stats["rewarded"]
        else "no reward yet",
        "days": "–" if days is None else days_in_words(days),
        "recommendation": stats["recommendation"],
        "sample-ratio": (
            f"The traffic is not split as defined (p = {ratio['sequential_p_value']:.2g}). Something loses or "
            "repeats decisions of some variants: do not trust these figures until it is found."
            if ratio["checked"] and ratio["alarm"]
            else ""
        ),
        "at": when(stats["at"]),
    }
    view.lists["warnings"] = list(stats["warnings"])


def _shares(view: LiveView, definition: Definition, timeline: Sequence[Mapping[str, Any]]) -> None:
    found = charts.shares(timeline, definition.names)
    view.shapes |= {f"share{place}": path for place, path in enumerate(found.paths())}
    rows = found.table()
    short = len(found.moments) > 1 and found.moments[-1] - found.moments[0] < SHORT
    told = second if short else when
    view.text |= {
        "first": told(found.moments[0]) if rows else "",
        "last": told(found.moments[-1]) if len(found.moments) > 1 else "",
        "top": f"{100 * found.top:g} %",
        "middle": f"{50 * found.top:g} %",
        "nobody": "" if rows else "Nobody has been decided about yet.",
    }
    view.tables["shares"] = [[told(at), *(percent(one) for one in of)] for at, of in rows]


def _variants(view: LiveView, definition: Definition, stats: Mapping[str, Any], scale: Scale) -> None:
    reward = definition.reward
    believed = _posteriors(stats)
    lows, highs = ([reward.unscaled(float(one)) for one in side] for side in (believed.low, believed.high))
    along = charts.axis(lows, highs, bounds=(reward.low, reward.high))
    steps = np.linspace(reward.scaled(along.low), reward.scaled(along.high), charts.OUTLINE)
    inside = (steps >= 0) & (steps <= 1)
    densities = believed.density(np.clip(steps, 0, 1)) * inside
    control = definition.names.index(definition.control_name)
    view.text |= {"axis-low": scale.value(along.low), "axis-high": scale.value(along.high)}
    for place, one in enumerate(stats["variants"]):
        middle = reward.unscaled(float(believed.mean[place]))
        shape = charts.interval_shape(along, lows[place], highs[place], middle)
        view.shapes |= {
            f"density{place}": charts.density_path(densities[place]),
            f"whole{place}": shape["whole"],
            f"mark{place}": shape["mark"],
            f"rule{place}": charts.rule_path(along, reward.unscaled(float(believed.mean[control]))),
        }
        view.text |= {
            f"decisions{place}": number(one["decisions"]),
            f"share{place}": percent(one["share"]),
            f"mean{place}": scale.value(one["mean"]),
            f"interval{place}": scale.span(one["low"], one["high"]),
            f"best{place}": percent(one["probability_best"]),
            f"loss{place}": scale.loss(one["expected_loss"]),
        }


def _posteriors(stats: Mapping[str, Any]) -> Posteriors:
    return Posteriors(stats["believed"]["kind"], np.array(stats["believed"]["params"], dtype=float))


def _effects(view: LiveView, stats: Mapping[str, Any], scale: Scale) -> None:
    effects = stats["effects"]
    along = charts.axis([one["low"] for one in effects], [one["high"] for one in effects], 0.0)
    for place, one in enumerate(effects):
        shape = charts.interval_shape(along, one["low"], one["high"], one["difference"])
        view.shapes |= {
            f"effect-whole{place}": shape["whole"],
            f"effect-mark{place}": shape["mark"],
            f"effect-rule{place}": charts.rule_path(along, 0.0),
        }
        relative = one["relative"]
        view.text |= {
            f"effect{place}": scale.difference(one["difference"]),
            f"effect-relative{place}": "–"
            if relative is None
            else f"{100 * relative:+.1f} %".replace("-", "−"),
            f"effect-interval{place}": scale.difference_span(one["low"], one["high"]),
            f"effect-p{place}": _p(one["p_value"]),
            f"effect-fixed{place}": f"{scale.difference_span(one['fixed_low'], one['fixed_high'])}"
            f" (p {_p(one['fixed_p_value'])})",
            f"effect-said{place}": _said(one),
        }


def _said(effect: Mapping[str, Any]) -> str:
    if not effect["significant"]:
        return ""
    return "better" if effect["difference"] > 0 else "worse"


def _rails(view: LiveView, stats: Mapping[str, Any]) -> None:
    harms = {(one["metric"], one["variant"]): one for one in stats["guardrails"]}
    for place, one in enumerate(stats["metrics"]):
        harm = harms.get((one["metric"], one["variant"]))  # the control has none
        known = harm is not None and harm["difference"] is not None
        view.text |= {
            f"rail-count{place}": number(one["count"]),
            f"rail-mean{place}": figure(one["mean"]),
            f"rail-worse{place}": signed(harm["difference"]) if harm and known else "–",
            f"rail-interval{place}": _between(harm["low"], harm["high"]) if harm and known else "–",
            f"rail-harm{place}": "harm" if harm and harm["breached"] else "",
        }


def _between(low: float, high: float) -> str:
    return f"{signed(low)} to {signed(high)}"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
