"""Contents that a moderation shadow is asked about, unseen."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from config.settings import Settings
from models.moderation.labels import LABELS
from serving.content_moderator import Moderator
from serving.content_pictures import Looked
from serving.trial import Part


class Keeping:
    """A trial that keeps what a shadow would be asked."""

    def many(self, _rollout: Any, champion: Any, names: list[str], ask: Any) -> list[Part[Any]]:
        places = list(range(len(names)))
        return [Part(False, places, ask(champion, places), 0.0)]

    def unseen(self, _rollout: Any, _asked: Any, ask: Any, texts: Any) -> None:
        self.ask, self.texts = ask, texts


def reached(start: Any) -> list[Any]:
    """What a waiting question keeps in memory, as far as plain containers and closures lead."""
    found, waiting = [], [start]
    while waiting:
        one = waiting.pop()
        found.append(one)
        if callable(one) and hasattr(one, "__closure__"):
            waiting += [cell.cell_contents for cell in one.__closure__ or ()]
        elif isinstance(one, dict | list | tuple | Looked):
            waiting += gc.get_referents(one)
    return found


def test_a_question_that_waits_holds_no_file_of_a_picture(service_settings: Settings) -> None:
    model = SimpleNamespace(predictor=None, version="1")
    rollout = SimpleNamespace(model=SimpleNamespace(predictor=None, version="2"), mode="shadow")
    family = SimpleNamespace(slot=SimpleNamespace(rollout=rollout))

    class Models(dict[str, Any]):
        def current(self, _family: str) -> Any:
            return model

        def version(self, _family: str) -> str:
            return "1"

    trial, data = Keeping(), b"a file of several megabytes"
    moderator = Moderator(Models(moderation=family), service_settings, trial)  # type: ignore[arg-type]
    looked = {0: [Looked(dict.fromkeys(LABELS, 0.0), None, data=data)]}
    rows = [{"content_id": "c-1"}, {"content_id": "c-2", "text": "A long text."}]
    moderator.decide_all(rows, ["id-1", "id-2"], looked, datetime.now(UTC))

    assert "A long text." in trial.texts  # what waits is bounded by their bytes
    assert not any(one is data for one in reached(trial.ask))
    (row,) = trial.ask(None, [0])
    assert row["decision"] == "approved"
