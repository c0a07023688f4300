"""The monitor's day of a family: every check on what was read, and what is to be said of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from config.errors import InputError
from models.family import Family
from models.monitoring import sentences
from models.monitoring.contract import Check, FamilyDay, Figure
from models.monitoring.day import Day, few
from models.monitoring.day_answers import answers, skewed_answers
from models.monitoring.drift import compare_columns, settled
from models.monitoring.inputs import DayInputs, Rules
from models.monitoring.live import Judged, live_accuracy, measured
from models.monitoring.newcomers import newcomers
from models.monitoring.pictures import compare_pictures
from models.monitoring.side import side_of
from models.monitoring.slices import slices_apart
from models.monitoring.texts import compare_texts
from models.monitoring.volume import volume

#: Drift, accuracy, parts, and new values: each may have its part of the chance of a false alarm.
TESTED = 4


def judge(family: Family, options: Any, inputs: DayInputs, rules: Rules) -> FamilyDay:
    """Everything that the monitor finds out about a family on a day.

    A check that lacks rows or fails leaves a sentence in ``skipped``, and the others go on. One that fails is
    in ``unjudged`` too, and, where the rows are not at fault, its sentence in ``failures``.

    Args:
        family: with its ``watch``; without one only what needs none is judged.
        options: of the family.
        inputs: what was read.
        rules: thresholds; ``alpha`` is for the whole day of the family.
    """
    watch = family.watch
    if watch is None:
        return FamilyDay(family.name, inputs.version, inputs.reference_name, skipped=("Nothing is watched.",))
    each = dataclasses.replace(rules, alpha=rules.alpha / TESTED)
    day = Day(family, watch, options, inputs, each, skipped=list(inputs.notes))
    _try(day, "stats", "Volume", lambda: _volume(day))
    _try(day, "drift", "Drift of the features", lambda: _features(day))
    _try(day, "drift", "Drift of the texts", lambda: _texts(day))
    _try(day, "drift", "Drift of the pictures", lambda: _pictures(day))
    _try(day, "drift", "Drift of the answers", lambda: answers(day))
    _try(day, "drift", "Skew of the answers", lambda: skewed_answers(day))
    _try(day, "accuracy", "Live accuracy", lambda: _accuracy(day))
    day.compared = settled(day.compared, each)
    _tell(day)
    return _result(day)


def _try(day: Day, check: Check, what: str, look: Callable[[], None]) -> None:
    try:
        look()
    except Exception as error:  # noqa: BLE001 - one broken check must not hide what the others find
        sentence = f"{what} could not be judged: {type(error).__name__}: {error}"
        day.skipped.append(sentence)
        day.unjudged.add(check)
        if not isinstance(error, InputError):
            day.failures.append(f"{sentence.rstrip('.')}.")


def _volume(day: Day) -> None:
    if not day.inputs.counts:
        return
    if day.inputs.day not in day.inputs.counts:
        day.skipped.append(f"Volume: {day.inputs.day} was not collected.")
        return
    seen = volume(day.inputs.counts, day.inputs.day)
    rows = day.inputs.counts[day.inputs.day]
    day.figures.append(Figure("rows", rows, seen.low if seen else None, seen.high if seen else None, rows))
    if seen is None:
        day.skipped.append("Volume: fewer than three past weeks of the same weekday are known.")
    elif seen.odd:
        day.findings.append(sentences.odd_volume(day.family, seen))


def _sides(day: Day) -> tuple[pa.Table, pa.Table] | None:
    """(rows of the reference, rows of now); None: there are too few, which is said."""
    reference, now = map(day.comparable, (day.inputs.reference, day.inputs.current))
    if reference is None or reference.num_rows < day.rules.min_rows:
        day.skipped.append(few("Drift", "training rows", reference, day.rules))
        return None
    if (now is None or now.num_rows < day.rules.min_rows) and day.watch.asked and day.inputs.asked is not None:
        asked, _ = day.watch.asked(day.inputs.asked, day.options)
        if asked is not None and asked.num_rows >= day.rules.min_rows:
            now, day.as_asked = asked, True
    if now is None or now.num_rows < day.rules.min_rows:
        day.skipped.append(few("Drift", "rows of the last days", now, day.rules))
        return None
    return reference, now


def _features(day: Day) -> None:
    sides = _sides(day)
    if sides is None:
        return
    before, current = (side_of(day.family, rows, day.watch.features(rows, day.options)) for rows in sides)
    new = newcomers(before, current)
    day.compared += compare_columns(before, current, day.rules)
    day.findings += [sentences.new_values(day.family, *each, day.as_asked) for each in new]


def _texts(day: Day) -> None:
    name, (reference, now) = day.watch.text, (day.inputs.reference, day.inputs.current)
    if name is None or reference is None or now is None:
        return
    if min(reference.num_rows, now.num_rows) < day.rules.min_rows:
        return
    who = day.family.person or day.family.entity
    compared, words = compare_texts(name, day.family.time, who, reference, now, day.rules)
    if compared is None:
        day.skipped.append(f"Drift of the texts: too few rows have a text ({name}).")
    else:
        day.compared.append(compared)
        day.words[name] = words


def _pictures(day: Day) -> None:
    before, now = day.inputs.reference_pictures, day.inputs.current_pictures
    if day.watch.picture is None or before is None or now is None:
        return
    compared = compare_pictures(
        day.family, day.watch, day.inputs.predictor, before, now, day.options, day.rules
    )
    if compared is not None:
        day.compared.append(compared)
    else:
        day.skipped.append("Drift of the pictures: too few pictures can be compared.")


def _accuracy(day: Day) -> None:
    inputs, family = day.inputs, day.family
    if inputs.predictor is None:
        day.skipped.append("Live accuracy: no version is in production, or it does not load.")
        return
    asked = {"test rows": inputs.held_out, "rows with outcomes since": inputs.live}
    if day.watch.answerable and inputs.live is not None:
        asked["rows with outcomes since"], out = day.watch.answerable(inputs.predictor, inputs.live)
        day.figures.append(
            Figure("outcomes that the version cannot know, share", out, rows=inputs.live.num_rows)
        )
    for name, rows in asked.items():
        if rows is None or rows.num_rows < day.rules.min_rows:
            day.skipped.append(few("Live accuracy", name, rows, day.rules))
            return
    try:
        held_out, live = (
            measured(family, inputs.predictor, rows, day.options, day.rules) for rows in asked.values()
        )
    except InputError:  # the rows are at fault, and not the version
        raise
    except Exception as error:
        day.findings.append(sentences.no_answer(family, inputs.version, error))
        raise
    day.live = live_accuracy(family, str(inputs.version), held_out, live, inputs.promoted, day.rules)
    _parts(day, held_out, live)


def _parts(day: Day, held_out: Judged, live: Judged) -> None:
    before, now = (day.watch.slices(judged.rows, day.options) for judged in (held_out, live))
    if len(live.evaluation.losses) == now.num_rows and len(held_out.evaluation.losses) == before.num_rows:
        day.slices = slices_apart(held_out, live, before, now, day.rules)
    elif now.num_columns:
        day.skipped.append("Parts: the family measures other rows than it was given.")


def _tell(day: Day) -> None:
    """The findings and the figures of what was measured."""
    family, psi = day.family, day.rules.psi
    for one in day.compared:
        day.figures.append(Figure(f"drift of {one.name}", one.psi))
        if one.drifted:
            day.findings.append(sentences.drifted(family, one, psi, day.words.get(one.name, ()), day.as_asked))
    if day.live:
        day.figures += [day.live.metric, day.live.loss]
        if day.live.worse:
            day.findings.append(sentences.lost_accuracy(family, day.live))
    day.findings += [sentences.worse_part(family, part) for part in day.slices if part.worse]


def _result(day: Day) -> FamilyDay:
    # what a new value says is said by the drift of its column already
    drifting = {one.name for one in day.compared if one.drifted}
    findings = [one for one in day.findings if one.subject.removeprefix("values ") not in drifting]
    order = {"critical": 0, "warning": 1, "info": 2}
    return FamilyDay(
        family=day.family.name,
        version=day.inputs.version,
        reference=day.inputs.reference_name,
        compared=tuple(day.compared),
        live=day.live,
        slices=tuple(day.slices),
        figures=tuple(day.figures),
        findings=tuple(sorted(findings, key=lambda one: (order[one.severity], one.fingerprint))),
        skipped=tuple(day.skipped),
        counts=day.inputs.counts,
        unjudged=frozenset(day.unjudged),
        failures=tuple(day.failures),
    )
