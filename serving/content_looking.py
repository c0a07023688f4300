"""Who looks at the pictures of requests: the version in production, or one that is tried beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import Any

from serving.content_pictures import FAILED, NOT_READ, Looked, Pictures
from serving.model_slot import ModelSlot, ServedModel, ServedRollout
from serving.recorder import new_identities
from serving.shadow import Asked, NotNow
from serving.threads import in_pool
from serving.trial import Trial

FAMILY = "imagery"
Row = dict[str, Any]
Image = str | Mapping[str, str]


class Looking:
    """The looking at pictures. Holds no state of a request.

    Args:
        slot: of the family of pictures.
        pool: the threads that look.
        says: what follows of a piece of content's pictures alone, as it is kept and compared.
    """

    def __init__(
        self,
        slot: ModelSlot,
        pictures: Pictures,
        pool: Executor,
        trial: Trial,
        says: Callable[[Sequence[Looked]], Row],
    ) -> None:
        self._slot, self._pictures, self._pool, self._trial, self._says = slot, pictures, pool, trial, says

    async def look(self, rows: Sequence[Row], names: Sequence[str]) -> dict[int, Sequence[Looked]]:
        """What came of the pictures of each row that has some. A tried version looks at its share; where it
        fails at one of a row's pictures, production looks at all of them.

        Args:
            rows: validated requests.
            names: what each is known by, for its share.
        """
        asked = [(place, image) for place, row in enumerate(rows) for image in row.get("images") or ()]
        model, rollout = self._slot.current, self._slot.rollout
        if rollout is None or not asked:
            return await self._looked(asked, lambda _: model)
        tried = rollout.model
        its = {place for place, _ in asked if self._trial.takes(rollout, names[place])}
        found = await self._looked(asked, lambda place: tried if place in its else model)
        bad = {place for place in its if any(one.reason == FAILED for one in found[place])}
        if bad:
            self._trial.failed(rollout, len(bad), RuntimeError("it failed to look at a picture"))
            again = [(place, image) for place, image in asked if place in bad]
            found |= await self._looked(again, lambda _: model)
        if its - bad:
            self._trial.count(rollout, True, len(its - bad))
        return found

    async def _looked(
        self, asked: Sequence[tuple[int, Image]], by: Callable[[int], ServedModel | None]
    ) -> dict[int, Sequence[Looked]]:
        results = await asyncio.gather(
            *(in_pool(self._pool, self._pictures.look, image, by(place)) for place, image in asked)
        )
        found: dict[int, list[Looked]] = {}
        for (place, _), looked in zip(asked, results, strict=True):
            found.setdefault(place, []).append(looked)
        return dict(found)

    def keep(self, rows: Sequence[Row], looked: Mapping[int, Sequence[Looked]], at: datetime) -> None:
        """While a version is tried: keep what was said of the pictures of ``rows``, and have a shadow look at
        the same. Of what is not to be recorded nothing is kept, and a shadow sees nothing; and what nothing
        could look at compares nothing.
        """
        rollout = self._slot.rollout
        kept = [
            place
            for place, those in looked.items()
            if rows[place].get("record", True) and any(one.scores is not None for one in those)
        ]
        if rollout is None or not kept:
            return
        identities = new_identities(len(kept))
        asked = [
            Asked.of(identity, rows[place].get("content_id"), at, rows[place])
            for identity, place in zip(identities, kept, strict=True)
        ]
        for version in {looked[place][0].version for place in kept} - {None}:
            given = [number for number, place in enumerate(kept) if looked[place][0].version == version]
            said = [self._says(looked[kept[number]]) for number in given]
            self._trial.given(FAMILY, str(version), [asked[number] for number in given], said)
        for one, place in zip(asked, kept, strict=True):
            self._ask_unseen(rollout, one, rows[place]["images"])

    def _ask_unseen(self, rollout: ServedRollout, asked: Asked, images: Sequence[Image]) -> None:
        def ask(_predictor: Any, _places: list[int]) -> list[Row]:
            looked = []
            for image in images:
                one = self._pictures.look(image, rollout.model)
                if one.reason == NOT_READ:
                    raise NotNow(NOT_READ)
                if one.reason == FAILED:
                    raise RuntimeError(FAILED)
                looked.append(one)
            return [self._says(looked)]

        self._trial.unseen(rollout, [asked], ask, [image for image in images if isinstance(image, str)])
