"""Examples of faces: a day's photos with what was predicted, and class-named folders for an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from models.face.collecting import Collected
from models.face.options import FaceOptions
from models.face.schema import EXAMPLE_SCHEMA
from models.family import Window
from models.images.folders import examples_from_folders


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
    """Photos of class-named folders as labelled examples; see
    :func:`models.images.folders.examples_from_folders`.

    Raises:
        InputError: a folder's name is none of the classes.
    """
    return examples_from_folders(EXAMPLE_SCHEMA, EVALUATION_SALT, rows, options)


EVALUATION_SALT = "face evaluation"
