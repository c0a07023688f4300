"""Examples of faces: a day's photos with what was predicted, and class-named folders for an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import InputError
from models.face.collecting import Collected
from models.face.options import FaceOptions
from models.face.schema import EXAMPLE_SCHEMA
from models.family import TRAIN, VALID, Window
from models.images.hashing import sha256
from models.splits import assign_split


def source_span(window: Window, _options: FaceOptions) -> Window:
    """The window itself: what a photo is of is known when it is predicted."""
    return window


def collect(sources: Mapping[str, Any], window: Window, options: FaceOptions) -> Collected:
    """The photos that were predicted in ``window``, as batches of examples, a few photos at a time.

    In order of (time, key), each photo once, with the latest prediction of the day that is about these bytes.
    What should not be learned from as it is carries a flag. A photo that was collected before is left out.

    Args:
        sources: ``user_styles``, ``photos`` and ``seen``, as ``storage/sources/face.py`` gives them.
        window: the day.
        options: this family's.

    Returns:
        An iterator of batches, whose ``dropped`` counts what was left out.
    """
    styles: pa.Table = sources["user_styles"]
    inside = [window.start <= at < window.end for at in styles["at"].to_pylist()]
    return Collected(styles.filter(pa.array(inside, pa.bool_())), sources["photos"], sources["seen"], options)


def examples_from_rows(rows: Mapping[str, pa.Table], options: FaceOptions) -> dict[str, pa.Table]:
    """Photos of class-named folders, by role, as labelled examples whose split is their role.

    Args:
        rows: by role, tables with the columns ``photo`` (its name), ``image`` (bytes), ``label`` (its folder)
            and ``person`` (or null: then each photo is its own). Without ``valid`` some 15 % of the people
            of ``train`` take its part, whatever their split is in the platform's own data.
        options: with the folders' classes.

    Raises:
        InputError: a folder's name is none of the classes.
    """
    examples = {role: _labelled(table, role, options) for role, table in rows.items()}
    if VALID not in examples:
        examples[TRAIN], examples[VALID] = _parted(examples[TRAIN])
    return examples


def _parted(train: pa.Table) -> tuple[pa.Table, pa.Table]:
    """(those to learn from, those to calibrate on), by person."""
    calibrates = pc.equal(assign_split(train["user_id"], EVALUATION_SALT), VALID)
    place, field = train.schema.get_field_index("split"), EXAMPLE_SCHEMA.field("split")
    held = train.filter(calibrates)
    held = held.set_column(place, field, pa.array([VALID] * held.num_rows, pa.string()))
    return train.filter(pc.invert(calibrates)), held


def _labelled(table: pa.Table, role: str, options: FaceOptions) -> pa.Table:
    strange = sorted(set(table["label"].to_pylist()) - set(options.classes), key=str)
    if strange:
        raise InputError(
            f"'{strange[0]}' is not one of the classes.", hint=f"Classes: {', '.join(options.classes)}."
        )
    images = table["image"].to_pylist()
    digests = [sha256(image) for image in images]
    people = table["person"].to_pylist() if "person" in table.column_names else [None] * len(images)
    given = {
        "photo": table["photo"],
        "user_id": [person or f"gold/{digest[:16]}" for person, digest in zip(people, digests, strict=True)],
        "at": [EVALUATED_AT] * len(images),
        "sha256": digests,
        "bytes": [len(image) for image in images],
        "label": table["label"],
        "split": [role] * len(images),
        "image": table["image"],
    }
    columns = [
        pa.chunked_array([given[field.name]], field.type)
        if isinstance(given.get(field.name), list)
        else given[field.name].cast(field.type)
        if field.name in given
        else pa.nulls(len(images), field.type)
        for field in EXAMPLE_SCHEMA
    ]
    return pa.table(columns, schema=EXAMPLE_SCHEMA)


EVALUATION_SALT = "face evaluation"
#: Files have no moment of prediction; the column must hold one.
EVALUATED_AT = 0
