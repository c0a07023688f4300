"""What is said of what was found: how severe it is, what is wrong with figures, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.family import Family
from models.monitoring.answers import Skew
from models.monitoring.contract import Check, Compared, Finding, Live, Severity, Slice
from models.monitoring.volume import Volume

#: A shift this many times the reported size is critical.
CRITICAL_SHIFT = 3.0
#: From this change of the missing share on, what shifts by it alone is said to be missing.
LEAST_MISSING_MORE = 0.02
#: Loss that grew by this share is critical.
CRITICAL_GROWTH = 0.5


def page(family: Family) -> str:
    """The family's page of the monitor."""
    return f"/monitoring/{family.name}"


def finding(
    family: Family, check: Check, subject: str, severity: Severity, sentence: str, figures: dict[str, Any]
) -> Finding:
    """A finding that links to the family's page."""
    return Finding(check, family.name, subject, severity, sentence, page(family), figures)


def drifted(
    family: Family, one: Compared, psi: float, words: Sequence[str] = (), as_asked: bool = False
) -> Finding:
    """A feature, a text or pictures, or the answers, that drifted; said as missing values where these alone are
    what changed. ``as_asked``: features are of what services were asked.
    """
    grew = one.nulls[1] - one.nulls[0]
    if one.kind in ("number", "category") and abs(grew) >= LEAST_MISSING_MORE and _by_missing(one):
        return _missing(family, one, grew, as_asked)
    severity: Severity = "critical" if one.psi >= CRITICAL_SHIFT * psi and one.kind == "answer" else "warning"
    figures = {"psi": one.psi, "usual": one.usual, "statistic": one.statistic, "p": one.adjusted_p}
    return finding(family, "drift", one.subject, severity, _shifted(one, words, as_asked), figures)


def _named(name: str, as_asked: bool) -> str:
    return f"{name}, in what services are asked," if as_asked else name


def _shifted(one: Compared, words: Sequence[str], as_asked: bool) -> str:
    usual = "" if one.usual is None else f"; weeks of the training data differ by at most {one.usual:.2f}"
    shift = f"stability index {one.psi:.2f}{usual}"
    if one.kind in ("text", "picture"):
        what = f"The {'texts' if one.kind == 'text' else 'pictures'} ({one.name})"
        more = f" More frequent now: {', '.join(words)}." if words else ""
        return (
            f"{what} of the last days can be told from those the model learned from: {one.statistic:.0%} of"
            f" pairs are put in order ({shift}).{more} Look at a few of them; retrain if this is to stay."
        )
    if one.kind == "answer":
        what = "class" if one.name == "answer" else one.name
        return (
            f"What is answered ({what}) has shifted from what the model answers on its test rows ({shift})."
            f" {_largest(one)} Look at the drift of the inputs first, then at live accuracy."
        )
    return (
        f"{_named(one.name, as_asked)} has shifted from the training data ({shift}). {_largest(one)} If this is"
        " real, retrain once outcomes are in; if not, look for a change in what is sent."
    )


def _largest(one: Compared) -> str:
    """The bin whose share moved most."""
    name = max(one.reference, key=lambda key: abs(one.current.get(key, 0.0) - one.reference[key]))
    return f"'{name}' went from {one.reference[name]:.0%} to {one.current.get(name, 0.0):.0%} of the rows."


def _by_missing(one: Compared) -> bool:
    """Whether the shift is the missing values' alone: the other bins kept their shares of what is there."""
    moved = 0.0
    names = list(one.reference)
    for name in names[:-1]:
        before, now = one.reference[name], one.current[name]
        kept = before / max(1 - one.nulls[0], 1e-9), now / max(1 - one.nulls[1], 1e-9)
        moved += abs(kept[0] - kept[1]) / 2
    return moved * (1 - max(one.nulls)) < abs(one.nulls[1] - one.nulls[0]) / 2


def _missing(family: Family, one: Compared, grew: float, as_asked: bool) -> Finding:
    more = "more" if grew > 0 else "less"
    severity: Severity = "critical" if one.nulls[1] >= 0.5 and grew > 0 else "warning"
    sentence = (
        f"{_named(one.name, as_asked)} is missing {more} often: {one.nulls[1]:.0%} of the rows of the last"
        f" days, {one.nulls[0]:.0%} of the training data. Look for a change in what is sent or collected."
    )
    figures = {"before": one.nulls[0], "now": one.nulls[1], "psi": one.psi, "p": one.adjusted_p}
    return finding(family, "stats", f"missing {one.name}", severity, sentence, figures)


def new_values(
    family: Family, name: str, values: Sequence[str], share: float, as_asked: bool = False
) -> Finding:
    """Categories that the model never saw."""
    shown = ", ".join(f"'{value}'" for value in values[:3]) + ("" if len(values) <= 3 else ", ...")
    sentence = (
        f"{_named(name, as_asked)} has values that the training data do not have: {shown}, together"
        f" {share:.0%} of the rows of the last days. The model knows nothing of them until it is retrained."
    )
    return finding(family, "stats", f"values {name}", "warning", sentence, {"share": share})


def lost_accuracy(family: Family, live: Live) -> Finding:
    """A version that errs more on what came since."""
    before = live.loss_at_promotion
    growth = live.loss.value / before.value - 1 if before and before.value > 0 else 0.0
    severity: Severity = "critical" if growth >= CRITICAL_GROWTH else "warning"
    then = live.metric_at_promotion
    named = live.metric.name.replace("_", " ")
    metric = f"{named} {live.metric.value:.3f}" + (f", at promotion {then.value:.3f}" if then else "")
    sentence = (
        f"Version {live.version} errs more on outcomes that came since than on its test rows: {family.loss}"
        f" {live.loss.value:.3f} [{live.loss.low:.3f}, {live.loss.high:.3f}]"
        + (f" against {before.value:.3f} [{before.low:.3f}, {before.high:.3f}]" if before else "")
        + f" ({metric}; {live.rows:,} rows). Retrain, or roll back if the version before did better."
    )
    figures = {"loss": live.loss.value, "before": before.value if before else None, "rows": live.rows}
    return finding(family, "accuracy", "live accuracy", severity, sentence, figures)


def worse_part(family: Family, part: Slice) -> Finding:
    """A part that got worse while the rest did not."""
    sentence = (
        f"The model got worse where {part.column.replace('_', ' ')} is '{part.value}': {family.loss}"
        f" {part.loss.value:.3f} against {part.reference_loss.value:.3f} on its test rows ({part.rows:,}"
        " rows), while"
        " the others did not. Look at what changed there."
    )
    figures = {"loss": part.loss.value, "before": part.reference_loss.value, "p": part.adjusted_p}
    return finding(family, "accuracy", part.subject, "warning", sentence, figures)


def odd_volume(family: Family, seen: Volume) -> Finding:
    """Far more or fewer rows than on the same weekday before."""
    severity: Severity = "critical" if seen.rows == 0 else "warning"
    few = "No rows" if seen.rows == 0 else f"{seen.rows:,} rows"
    advice = (
        "Look whether collection and its sources run."
        if seen.odd == "low"
        else "Look for a loop or doubled events."
    )
    sentence = (
        f"{few} came that day; the same weekday usually brings {seen.expected:,.0f} (between"
        f" {seen.low:,.0f} and"
        f" {seen.high:,.0f}). {advice}"
    )
    return finding(
        family, "stats", "volume", severity, sentence, {"rows": seen.rows, "expected": seen.expected}
    )


def skewed(family: Family, version: str, seen: Skew) -> Finding:
    """Recorded answers of a version that it does not give to the same rows now."""
    sentence = (
        f"Version {version} answered {seen.different:,} of {seen.rows:,} recorded rows ({seen.share:.0%})"
        " otherwise than"
        " it answers the same rows now: what the service is asked is not what is collected. Compare the"
        " recorded"
        " inputs with the collected rows."
    )
    return finding(family, "drift", "skew", "warning", sentence, {"share": seen.share, "rows": seen.rows})


def no_answer(family: Family, version: str | None, error: Exception) -> Finding:
    """A version that fails on rows that it should answer."""
    sentence = (
        f"Version {version or 'in production'} failed when it was asked about its own test rows or the latest"
        f" outcomes ({type(error).__name__}: {error}). Roll back, or retrain."
    )
    return finding(family, "accuracy", "predictor", "critical", sentence, {})
