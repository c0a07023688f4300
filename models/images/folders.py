"""Class-named folders of pictures as labelled examples, for an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import InputError
from models.family import TRAIN, VALID
from models.images.hashing import sha256
from models.images.options import PhotoOptions
from models.splits import assign_split

#: Files have no moment of prediction; the column must hold one.
EVALUATED_AT = 0


def examples_from_folders(
    schema: pa.Schema, salt: str, rows: Mapping[str, pa.Table], options: PhotoOptions
) -> dict[str, pa.Table]:
    """Photos of class-named folders, by role, as labelled examples whose split is their role.

    Args:
        schema: of the family's examples.
        salt: of the cut of ``train``.
        rows: by role, tables with the columns ``photo`` (its name), ``image`` (bytes), ``label`` (its folder)
            and ``person`` (or null: then each photo is its own). Without ``valid`` some 15 % of the people
            of ``train`` take its part, whatever their split is in the platform's own data.
        options: with the folders' classes.

    Raises:
        InputError: a folder's name is none of the classes.
    """
    examples = {role: _labelled(schema, table, role, options) for role, table in rows.items()}
    if VALID not in examples:
        examples[TRAIN], examples[VALID] = _parted(examples[TRAIN], salt)
    return examples


def _parted(train: pa.Table, salt: str) -> tuple[pa.Table, pa.Table]:
    """(those to learn from, those to calibrate on), by person."""
    calibrates = pc.equal(assign_split(train["user_id"], salt), VALID)
    place, field = train.schema.get_field_index("split"), train.schema.field("split")
    held = train.filter(calibrates)
    held = held.set_column(place, field, pa.array([VALID] * held.num_rows, pa.string()))
    return train.filter(pc.invert(calibrates)), held


def _labelled(schema: pa.Schema, table: pa.Table, role: str, options: PhotoOptions) -> pa.Table:
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
        for field in schema
    ]
    return pa.table(columns, schema=schema)
