"""What a family's service answered on a day, how quickly, and what admins made of it."""

from __future__ import annotations

import datetime as dt

import pyarrow.compute as pc

from models.family import Family
from models.monitoring.contract import Figure, Finding, Severity
from models.monitoring.volume import WEEKS, volume
from storage import monitor_ages
from storage.history import list_promotions
from storage.monitor import figure_series
from storage.prediction_samples import answered, sample_predictions
from storage.predictions import count_predictions
from tasks.monitor_looked import Looked
from tasks.options import options_of
from tasks.periods import day_window
from tasks.platform import Platform

PREDICTIONS = "predictions"
#: While a version is in production, no more than this share of the answers may come from what stands in for it.
FALLBACK_SHARE = 0.05
LEAST_ANSWERS = 50
#: So many answers are looked at for the shares of classes, and so many classes are told of.
SAMPLED, MOST_CLASSES = 5000, 12


def look_at_answers(parts: Platform, family: Family, day: dt.date) -> Looked:
    """Predictions, latency, fallback answers, decisions of admins and promotions of ``day``.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    window = day_window(day)
    span = family.name, window.start, window.end
    found = answered(parts.engine, *span)
    decided = monitor_ages.decided(parts.engine, *span)
    figures = [
        Figure(PREDICTIONS, float(found.predictions), rows=found.predictions),
        Figure("promotions", float(monitor_ages.promotions(parts.engine, *span))),
        Figure("decisions of admins", float(sum(decided))),
    ]
    figures += [Figure(f"latency p{share * 100:.0f}, ms", ms) for share, ms in found.latency_ms.items()]
    if sum(decided):
        figures.append(Figure("accepted share", decided.accepted / sum(decided), rows=sum(decided)))
    findings = [_volume(parts, family, day, found.predictions)]
    if found.predictions:
        share = found.by_fallback / found.predictions
        figures.append(Figure("fallback share", share, rows=found.predictions))
        figures += _classes(parts, family, day)
        findings.append(_fallback(parts, family, day, found.predictions, share))
    return Looked(tuple(figures), tuple(one for one in findings if one))


def _classes(parts: Platform, family: Family, day: dt.date) -> list[Figure]:
    """The share of each class among the answers, where the family's answers have classes: out of a sample."""
    if family.watch is None or family.watch.asked is None:
        return []
    window = day_window(day)
    rows = sample_predictions(parts.engine, family.name, window.start, window.end, SAMPLED)
    _, given = family.watch.asked(rows, options_of(family, parts.settings))
    answers = given["answer"].drop_null()
    counts = {one["values"]: one["counts"] for one in pc.value_counts(answers).to_pylist()}
    largest = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_CLASSES]
    return [
        Figure(f"answered {name}, share", counts[name] / len(answers), rows=len(answers))
        for name in sorted(largest)
    ]


def _volume(parts: Platform, family: Family, day: dt.date, count: int) -> Finding | None:
    past = _past(parts, family.name, day)
    seen = volume({**past, day: count}, day)
    if seen is None or seen.odd is None:
        return None
    advice = "See whether its callers still ask." if seen.odd == "low" else "See who asks so much."
    sentence = (
        f"The {family.name} service answered {count:,} times that day; the same weekday usually brings "
        f"{seen.expected:,.0f} (between {seen.low:,.0f} and {seen.high:,.0f}). {advice}"
    )
    figures = {"predictions": count, "expected": seen.expected}
    return _finding(family, PREDICTIONS, sentence, figures, severe=count == 0)


def _past(parts: Platform, family: str, day: dt.date) -> dict[dt.date, int]:
    """Predictions of the same weekday in past weeks: as they were measured then, else counted now, from the
    first day on that had any.
    """
    first = day - dt.timedelta(weeks=WEEKS)
    until = day - dt.timedelta(days=1)
    known = {
        one.day: int(one.value) for one in figure_series(parts.engine, family, PREDICTIONS, first, until=until)
    }
    counts = {}
    for week in (day - dt.timedelta(weeks=back) for back in range(1, WEEKS + 1)):
        window = day_window(week)
        found = known.get(week)
        counts[week] = (
            count_predictions(parts.engine, family, window.start, window.end) if found is None else found
        )
    began = min((week for week, count in counts.items() if count), default=day)
    return {week: count for week, count in counts.items() if week >= began}


def _fallback(parts: Platform, family: Family, day: dt.date, count: int, share: float) -> Finding | None:
    """Answers that no model gave, though a version was in production all day."""
    begun = day_window(day).start
    served = any(move.at < begun for move in list_promotions(parts.engine, family.name))
    if not served or count < LEAST_ANSWERS or share <= FALLBACK_SHARE:
        return None
    sentence = (
        f"{share:.0%} of the {count:,} answers for {family.name} came from what stands in for the model, "
        "though a version is in production: see the service's health."
    )
    return _finding(family, "fallback answers", sentence, {"share": share, "predictions": count})


def _finding(
    family: Family, subject: str, sentence: str, figures: dict[str, float], *, severe: bool = False
) -> Finding:
    severity: Severity = "critical" if severe else "warning"
    return Finding("stats", family.name, subject, severity, sentence, f"/monitoring/{family.name}", figures)
