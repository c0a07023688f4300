"""The linear model as plain files: npy for the tables, JSON for the rest."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from config.errors import ModelInvalid
from models.text.encoder import TextEncoder
from models.text.facts import FACTS
from models.text.linear import LinearText
from models.text.ngrams import BUCKETS, CHAR_SIZES, STREAM_SIZES

FORMAT = 1
PLACES_FILE, TABLE_FILE, FACTS_FILE = "buckets.npy", "weights.npy", "model.json"
#: There where an encoder is plugged in: the model needs no other file then.
ENCODER_FILE = "encoder.onnx"


def to_files(model: LinearText, stored: Mapping[str, Any]) -> dict[str, bytes]:
    """The model's files. Of the table only buckets that were seen in training.

    Args:
        model: the tables.
        stored: what else there is to keep, JSON-ready; with its ``family``.
    """
    places = np.flatnonzero(model.table[:, -1]).astype(np.int32)
    files = {PLACES_FILE: _npy(places), TABLE_FILE: _npy(model.table[places])}
    dense: dict[str, Any] = {}
    if model.encoder is not None and model.dense is not None:
        files[ENCODER_FILE], dense = model.encoder.data, {"dense": model.dense.tolist()}
    facts = {
        **stored,
        "format": FORMAT,
        "features": _features(),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "linear": {
            "facts": model.facts.tolist(), "center": model.center.tolist(), "spread": model.spread.tolist(),
            "bias": model.bias.tolist(), **dense,
        },
    }  # fmt: skip
    return {**files, FACTS_FILE: json.dumps(facts, indent=1, sort_keys=True).encode()}


def from_files(files: Mapping[str, bytes], family: str) -> tuple[LinearText, dict[str, Any]]:
    """The model and what was stored with it.

    Raises:
        ModelInvalid: the files are no such model; the message names what is wrong.
    """
    for name in (PLACES_FILE, TABLE_FILE, FACTS_FILE):
        if name not in files:
            raise ModelInvalid(f"The {family} model lacks its file {name}.")
    try:
        stored = json.loads(files[FACTS_FILE])
        form, of, features, hashes = (stored[name] for name in ("format", "family", "features", "sha256"))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelInvalid(f"{FACTS_FILE} does not describe a {family} model: {error!r}.") from None
    if (form, of) != (FORMAT, family) or features != _features():
        raise ModelInvalid(
            f"{FACTS_FILE} is of format {form} and family '{of}', or of other features than this version has.",
            hint="Retrain the family with this version.",
        )
    for name in hashes if isinstance(hashes, dict) else ():
        if name not in files:
            raise ModelInvalid(f"The {family} model lacks its file {name}.")
    for name in (PLACES_FILE, TABLE_FILE, *((ENCODER_FILE,) if ENCODER_FILE in files else ())):
        if hashes.get(name) != hashlib.sha256(files[name]).hexdigest():
            raise ModelInvalid(f"{name} is not the file that {FACTS_FILE} was written with (SHA-256 differs).")
    try:
        places, values = (
            np.load(io.BytesIO(files[name]), allow_pickle=False) for name in (PLACES_FILE, TABLE_FILE)
        )
        linear = {name: np.asarray(value, np.float64) for name, value in stored["linear"].items()}
        table = np.zeros((BUCKETS, values.shape[1]), np.float32)
        table[places] = values
        dense = linear.get("dense")
        encoder = TextEncoder(files[ENCODER_FILE]) if dense is not None else None
        model = LinearText(
            table, linear["facts"], linear["center"], linear["spread"], linear["bias"], encoder, dense
        )
        if encoder is not None and dense is not None and dense.shape != (encoder.size, model.heads):
            raise ValueError("the encoder and its weights do not fit together")
        if model.facts.shape != (len(FACTS), model.heads) or table.shape[1] != model.heads + 1:
            raise ValueError("the tables do not fit together")
        if not all(np.isfinite(part).all() for part in (values, *linear.values())):
            raise ValueError("not all of its numbers are finite")
    except (ValueError, KeyError, IndexError, TypeError, OSError) as error:
        raise ModelInvalid(f"The {family} model's tables are not usable: {error}.") from None
    return model, stored


def _features() -> dict[str, Any]:
    return {
        "buckets": BUCKETS, "characters": list(CHAR_SIZES), "streams": list(STREAM_SIZES), "facts": list(FACTS),
    }  # fmt: skip


def _npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
