"""A recommender as files of plain data (arrays as npy, LightGBM's own text, JSON), and back."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from config.errors import ModelInvalid
from models.recommendation.candidates import Sources
from models.recommendation.catalogue import Catalogue, Names
from models.recommendation.content import ContentEncoder
from models.recommendation.neighbours import Neighbours
from models.recommendation.options import RecommendationOptions
from models.recommendation.question import ITEM_KINDS
from models.recommendation.ranking import FEATURES, Ranker

if TYPE_CHECKING:
    from models.recommendation.predictor import RecommendationPredictor

FORMAT = 1
FACTS_FILE, ITEMS_FILE, RANKER_FILE = "model.json", "items.json", "ranker.txt"
#: Arrays by item, and of which type they are.
_COLUMNS = {
    "kinds": np.int8, "authors": np.int32, "categories": np.int32, "languages": np.int32, "published": np.int64,
    "popularity": np.float32, "trend": np.float32, "users": np.int32, "alive": np.bool_,
}  # fmt: skip
_NAMES = ("author_names", "category_names", "language_names")
_ARRAYS = {
    "collaborative_starts": np.int64, "collaborative_places": np.int32, "collaborative_strengths": np.float32,
    "content_starts": np.int64, "content_places": np.int32, "content_strengths": np.float32,
    "vectors": np.float32, "known_buckets": np.int32, "directions": np.float32,
}  # fmt: skip


def to_files(predictor: RecommendationPredictor) -> dict[str, bytes]:
    """The files of a predictor; the same predictor gives the same bytes."""
    sources, catalogue = predictor.sources, predictor.catalogue
    arrays = {name: getattr(catalogue, name) for name in _COLUMNS} | {
        "collaborative_starts": sources.collaborative.starts,
        "collaborative_places": sources.collaborative.places,
        "collaborative_strengths": sources.collaborative.strengths,
        "content_starts": sources.content.starts,
        "content_places": sources.content.places,
        "content_strengths": sources.content.strengths,
        "vectors": sources.vectors,
        "known_buckets": predictor.encoder.known,
        "directions": predictor.encoder.directions,
    }
    kinds = _COLUMNS | _ARRAYS
    files = {f"{name}.npy": _npy(array.astype(kinds[name])) for name, array in arrays.items()}
    files[ITEMS_FILE] = _json(
        {
            "ids": catalogue.ids,
            "titles": catalogue.titles,
            **{name: getattr(catalogue, name).values for name in _NAMES},
        }
    )
    if predictor.ranker.text:
        files[RANKER_FILE] = predictor.ranker.text.encode()
    facts = {
        "format": FORMAT,
        "family": "recommendation",
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "features": list(FEATURES),
        "options": predictor.options.describe(),
        "mix": list(predictor.ranker.mix),
        "facts": predictor.facts,
    }
    return {**files, FACTS_FILE: _json(facts)}


def load(files: Mapping[str, bytes]) -> RecommendationPredictor:
    """The predictor out of :func:`to_files`.

    Raises:
        ModelInvalid: a file is absent, damaged, or of another format; the message says which.
    """
    from models.recommendation.predictor import RecommendationPredictor

    try:
        facts = json.loads(files[FACTS_FILE])
        _check(facts, files)
        options = RecommendationOptions.restore(facts["options"])
        listed = json.loads(files[ITEMS_FILE])
        arrays = {name: _array(files, name, kind) for name, kind in (_COLUMNS | _ARRAYS).items()}
        catalogue = Catalogue(
            ids=tuple(listed["ids"]),
            titles=tuple(listed["titles"]),
            **_catalogue_columns(arrays, listed),
        )
        sources = Sources(
            catalogue,
            _neighbours(arrays, "collaborative"),
            _neighbours(arrays, "content"),
            arrays["vectors"],
        )
        _check_shapes(sources)
        ranker = files[RANKER_FILE].decode() if RANKER_FILE in facts["sha256"] else None
        encoder = ContentEncoder(arrays["known_buckets"], arrays["directions"])
        people, content, trending = (float(share) for share in facts["mix"])
        order = Ranker((people, content, trending), ranker)
        return RecommendationPredictor(sources, encoder, order, options, facts["facts"])
    except ModelInvalid:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes of itself, it is no model
        raise ModelInvalid(f"The files are no recommender: {error!r}.") from None


def _catalogue_columns(arrays: Mapping[str, np.ndarray], listed: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: arrays[name] for name in _COLUMNS}
    return {**columns, **{name: Names(tuple(listed[name])) for name in _NAMES}}


def _check(facts: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    if facts.get("format") != FORMAT or facts.get("family") != "recommendation":
        raise ModelInvalid(f"The model is of format {facts.get('format')!r}, and {FORMAT} is read here.")
    if facts["features"] != list(FEATURES):
        raise ModelInvalid("The model was made for other features than this code computes.")
    for name, digest in facts["sha256"].items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise ModelInvalid(f"The file {name} of the model is damaged.")


def _check_shapes(sources: Sources) -> None:
    items = len(sources.catalogue)
    for name in _COLUMNS:
        if len(getattr(sources.catalogue, name)) != items:
            raise ModelInvalid(f"The model has {items} items, and another number of {name}.")
    for neighbours in (sources.collaborative, sources.content):
        places, starts = neighbours.places, neighbours.starts
        whole = len(neighbours) == items and len(places) == len(neighbours.strengths) == starts[-1]
        if not whole or starts[0] or (np.diff(starts) < 0).any():
            raise ModelInvalid("The rows of the model's relations do not fit its items.")
        if len(places) and not 0 <= places.min() <= places.max() < items:
            raise ModelInvalid("The model relates items that it does not have.")
    if len(sources.vectors) != items or not np.isfinite(sources.collaborative.strengths).all():
        raise ModelInvalid("The model's vectors or strengths are not usable.")
    if items and not 0 <= sources.catalogue.kinds.min() <= sources.catalogue.kinds.max() < len(ITEM_KINDS):
        raise ModelInvalid("The model has items of unknown kinds.")


def _neighbours(arrays: Mapping[str, np.ndarray], name: str) -> Neighbours:
    return Neighbours(*(arrays[f"{name}_{part}"] for part in ("starts", "places", "strengths")))


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _array(files: Mapping[str, bytes], name: str, kind: Any) -> np.ndarray:
    array: np.ndarray = np.load(io.BytesIO(files[f"{name}.npy"]), allow_pickle=False)
    if array.dtype != kind:
        raise ModelInvalid(f"The array {name} is of type {array.dtype}.")
    return array


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True).encode()
