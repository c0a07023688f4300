"""Examples of image moderation: a day's reviewed pictures, and class-named folders for an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from models.family import Window
from models.imagery.collecting import Collected
from models.imagery.options import ImageryOptions
from models.imagery.schema import EVALUATION_SALT, EXAMPLE_SCHEMA
from models.images.folders import examples_from_folders


def source_span(window: Window, _options: ImageryOptions) -> Window:
    """The window itself: what a picture shows is known when a person has looked at it."""
    return window


def collect(sources: Mapping[str, Any], window: Window, options: ImageryOptions) -> Collected:
    """The pictures that were reviewed in ``window``, as batches of examples, a few pictures at a time.

    Each picture (by its bytes) once, with its latest review; the latest come first. What a person should look
    at again carries a flag.

    Args:
        sources: ``reviewed`` and ``photos``, as ``storage/sources/imagery.py`` gives them.
        window: the day.
        options: this family's.

    Returns:
        An iterator of batches, whose ``dropped`` counts what was left out.
    """
    reviewed: pa.Table = sources["reviewed"]
    inside = [window.start <= at < window.end for at in reviewed["verified_at"].to_pylist()]
    return Collected(reviewed.filter(pa.array(inside, pa.bool_())), sources["photos"], options)


def examples_from_rows(rows: Mapping[str, pa.Table], options: ImageryOptions) -> dict[str, pa.Table]:
    """Pictures of class-named folders as labelled examples; see
    :func:`models.images.folders.examples_from_folders`.

    Raises:
        InputError: a folder's name is none of the classes.
    """
    return examples_from_folders(EXAMPLE_SCHEMA, EVALUATION_SALT, rows, options)
