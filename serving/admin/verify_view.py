"""A candidate as the verify page shows it: plain JSON, the same in the page and for what is loaded later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from serving.admin.verify_filter import encode_place
from storage.candidates import Candidate

#: Other classes than the predicted one that are worth a line.
OTHER_CLASSES = 4
LEAST_LIKELY = 0.005
#: Columns of a table of rows, beside the key, the label and the reason.
COLUMNS = 4
_NUMBER = re.compile(r"\d(?:[\d,]*\d)?")
#: Values that have a place of their own on a photo's card.
_SHOWN = frozenset(
    ("probabilities", "width", "height", "face_x", "face_y", "face_width", "face_height", "face_box", "faces",
     "sharpness", "brightness", "model_version", "predicted_version", "flag", "label", "confidence", "margin",
     "user_id", "predicted_class", "prediction_id", "sha256", "phash", "image", "split")
)  # fmt: skip


def candidate_json(candidate: Candidate, *, photos: bool, order: Sequence[str] = ()) -> dict[str, Any]:
    """What the browser is told of ``candidate``; a photo's measurements, or a row's values in ``order``."""
    values = in_order(candidate.values, order)
    return {
        "id": candidate.id,
        "revision": candidate.revision,
        "state": candidate.state,
        "name": candidate_name(candidate.candidate),
        "day": candidate.day.isoformat(),
        "user": candidate.entity,
        "label": candidate.label,
        "confidence": candidate.confidence,
        "flag": candidate.flag,
        "kind": candidate.kind,
        "corrected": candidate.corrected_label,
        "by": candidate.decided_by,
        "at": candidate.decided_at.isoformat() if candidate.decided_at else None,
        "version": values.get("model_version") or values.get("predicted_version"),
        **(photo_facts(values, candidate) if photos else row_facts(values)),
    }


def row_facts(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values as pairs, which keep their order; label and reason have their own place."""
    return {"values": [pair for pair in plain_values(values).items() if pair[0] not in ("flag", "label")]}


def photo_facts(values: Mapping[str, Any], candidate: Candidate) -> dict[str, Any]:
    """Size, face box, quality and the other likely classes of a photo; what is not known is None."""
    chances = _mapping(values.get("probabilities"))
    others = sorted(((name, float(chance)) for name, chance in chances.items()), key=lambda one: -one[1])
    return {
        "photo": candidate.image is not None,
        "size": _numbers(values, ("width", "height")),
        "face": _face(values),
        "faces": values.get("faces"),
        "sharpness": values.get("sharpness"),
        "brightness": values.get("brightness"),
        "others": [
            [name, chance] for name, chance in others if name != candidate.label and chance >= LEAST_LIKELY
        ][:OTHER_CLASSES],
        "more": {name: value for name, value in plain_values(values).items() if name not in _SHOWN},
    }


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that can be shown in a line: no lists, no nested objects, nothing empty."""
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, str | int | float | bool) and value != ""
    }


def in_order(values: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """``values`` as a family's schema orders them (the database does not keep an order), others after them."""
    known = [name for name in order if name in values]
    return {name: values[name] for name in [*known, *sorted(values.keys() - set(known))]}


def candidate_name(candidate: str) -> str:
    """A candidate's key (a JSON list) as words."""
    try:
        parts = json.loads(candidate)
    except ValueError:
        return candidate
    return " · ".join(map(_written, parts)) if isinstance(parts, list) else candidate


def place_after(candidates: Sequence[Candidate], limit: int) -> str | None:
    """Where the next page begins, or None when this one, of at most ``limit``, was the last."""
    if len(candidates) < limit:
        return None
    return encode_place(candidates[-1].place)


def table_columns(candidates: Iterable[Candidate], order: Sequence[str]) -> list[str]:
    """The few columns that tell most about these rows: numbers that their reasons speak of, then others.

    Args:
        candidates: the rows that are shown first.
        order: the family's columns, as its schema has them.
    """
    mentioned: dict[str, int] = {}
    for candidate in candidates:
        for name, value in candidate.values.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            hit = abs(value) >= 1 and f"{value:,.0f}" in _NUMBER.findall(candidate.flag or "")
            mentioned[name] = mentioned.get(name, 0) + hit
    rank = {name: number for number, name in enumerate(order)}
    names = sorted(mentioned, key=lambda name: (-mentioned[name], rank.get(name, len(rank)), name))[:COLUMNS]
    return sorted(names, key=lambda name: (rank.get(name, len(rank)), name))


def _written(part: Any) -> str:
    try:
        return f"{datetime.fromisoformat(part):%Y-%m-%d %H:%M}" if "T" in part else str(part)
    except (ValueError, TypeError):
        return str(part)


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _numbers(values: Mapping[str, Any], names: Sequence[str]) -> list[float] | None:
    found = [values.get(name) for name in names]
    return [float(value) for value in found if value is not None] if None not in found else None


def _face(values: Mapping[str, Any]) -> list[float] | None:
    box = values.get("face_box")
    if isinstance(box, list) and len(box) == 4:
        return [float(value) for value in box]
    return _numbers(values, ("face_x", "face_y", "face_width", "face_height"))
