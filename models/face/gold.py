"""Gold: photos whose class a person has put them under by hand, in class-named folders."""

from __future__ import annotations

import pyarrow as pa

from models.face.options import FaceOptions
from models.face.schema import EXAMPLE_SCHEMA, SPLIT_SALT
from models.images.gold import GoldPhoto, PhotoGoldMaker, key_of

__all__ = ["GoldMaker", "GoldPhoto", "key_of"]


class GoldMaker(PhotoGoldMaker):
    """Makes examples of gold photos; see :class:`models.images.gold.PhotoGoldMaker`."""

    def __init__(self, options: FaceOptions, known: pa.Table) -> None:
        super().__init__(EXAMPLE_SCHEMA, SPLIT_SALT, options, known)
