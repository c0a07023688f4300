"""What an admin's verdict makes of a photo: its label, and who gave it when."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from config.errors import InputError
from models.candidates import Verdict
from models.face.options import FaceOptions


def settle(rows: pa.RecordBatch, verdicts: Mapping[int, Verdict], options: FaceOptions) -> pa.RecordBatch:
    """``rows`` with ``label``, ``verified_by`` and ``verified_at`` of the verdicts that accept or correct.

    An accepted photo's label is the class that was predicted, a corrected one's the admin's. A row without a
    picture keeps a null label: there is nothing to learn from. So does a rejected one.

    Raises:
        InputError: a label, given or accepted, is none of the classes.
    """
    # a picture that was opened has a width, also where its bytes were not read along
    predicted, pictures = rows.column("predicted_class"), rows.column("width").is_valid()
    columns = {name: rows.column(name).to_pylist() for name in ("label", "verified_by", "verified_at")}
    for row, verdict in verdicts.items():
        if verdict.decision == "reject":
            continue
        label = verdict.corrected_label if verdict.decision == "correct" else predicted[row].as_py()
        name = rows.column("photo")[row].as_py()
        columns["label"][row] = _checked(label, name, options) if pictures[row].as_py() else None
        columns["verified_by"][row], columns["verified_at"][row] = verdict.decided_by, verdict.decided_at
    for name, values in columns.items():
        place = rows.schema.get_field_index(name)
        kind = rows.schema.field(name)
        rows = rows.set_column(place, kind, pa.array(values, kind.type))
    return rows


def _checked(label: str | None, photo: str | None, options: FaceOptions) -> str:
    if label is None or label not in options.classes:
        of = f" of the photo {photo}" if photo else ""
        raise InputError(
            f"The class '{label}'{of} is not among the classes of the settings."
            if label is not None
            else f"The photo {photo} cannot be accepted: nothing was predicted of it.",
            hint=f"FACE_CLASSES: {', '.join(options.classes)}.",
        )
    return label
