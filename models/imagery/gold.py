"""Gold: pictures in folders named ``safe``, ``nsfw`` and ``violence``."""

from __future__ import annotations

import pyarrow as pa

from models.imagery.options import ImageryOptions
from models.imagery.schema import EXAMPLE_SCHEMA, SPLIT_SALT
from models.images.gold import GoldPhoto, PhotoGoldMaker, key_of

__all__ = ["GoldMaker", "GoldPhoto", "key_of"]


class GoldMaker(PhotoGoldMaker):
    """Makes examples of gold pictures; see :class:`models.images.gold.PhotoGoldMaker`."""

    def __init__(self, options: ImageryOptions, known: pa.Table) -> None:
        super().__init__(EXAMPLE_SCHEMA, SPLIT_SALT, options, known)
