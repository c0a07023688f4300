"""The version that a service answers from: one reference, swapped whole, and what there is to say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.rollout import in_trial

CANARY, SHADOW = "canary", "shadow"


@dataclass(frozen=True)
class ServedModel:
    """A loaded and warmed version.

    ``source`` tells where its files came from: registry or disk. ``files_sha256`` tells which files they are,
    as the registry's version says it; "" where nobody asks.
    """

    predictor: Any
    version: str
    facts: Mapping[str, Any]
    source: str
    since: datetime
    files_sha256: str = ""

    def describe(self) -> dict[str, Any]:
        """JSON-ready: what is served, since when, from which data."""
        return {
            "model_version": self.version,
            "serving_since": self.since,
            "source": self.source,
            **{name: value for name, value in self.facts.items() if name not in ("files", "version")},
            "model": dict(self.predictor.info),
        }


@dataclass(frozen=True, slots=True)
class ServedRollout:
    """A loaded version that is tried beside the one in production: it answers its share of the questions
    (``canary``), or is asked that share of them too, and nobody sees what it says (``shadow``).
    """

    id: int
    family: str
    mode: str
    share: float
    started_at: str
    model: ServedModel

    def takes(self, identity: str) -> bool:
        """Whether the question about ``identity`` is among its share; see :func:`models.rollout.in_trial`."""
        return in_trial(self.id, identity, self.share)

    def describe(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "id": self.id,
            "mode": self.mode,
            "share": self.share,
            "model_version": self.model.version,
            "dataset": self.model.facts.get("dataset"),
            "started_at": self.started_at,
            "serving_since": self.model.since,
        }


@dataclass
class RegistryView:
    """What the watcher last saw of the registry; written by its thread alone, read by the health answer."""

    reachable: bool | None = None
    unreachable_since: datetime | None = None
    last_error: str | None = None
    production: str | None = None
    checked_at: datetime | None = None
    refused: dict[str, str] = field(default_factory=dict)


class ModelSlot:
    """Holds the current :class:`ServedModel`. Reading it is reading one attribute: a request takes the
    reference once and keeps its version to the end, whatever is swapped in meanwhile.
    """

    def __init__(self) -> None:
        self.current: ServedModel | None = None
        #: What is tried beside it.
        self.rollout: ServedRollout | None = None
        #: version -> why it is not tried, although it should be.
        self.rollout_refused: dict[str, str] = {}
        self.registry = RegistryView()
        #: Somebody took the model out of memory, and nobody has asked for it again.
        self.unloaded = False
        #: Told of a version right before it answers, in the thread that puts it in service; must not raise.
        self.before: Callable[[ServedModel], None] | None = None
        #: The same of a version that is about to be tried.
        self.before_rollout: Callable[[ServedModel], None] | None = None

    @property
    def version(self) -> str | None:
        """The version that answers."""
        model = self.current
        return model.version if model else None

    def swap(self, model: ServedModel) -> None:
        """Put ``model`` in service."""
        if self.before is not None:
            self.before(model)
        self.current = model

    def try_out(self, rollout: ServedRollout) -> None:
        """Try a version beside the one in service from now on."""
        if self.before_rollout is not None:
            self.before_rollout(rollout.model)
        self.rollout = rollout

    def why_empty(self) -> str:
        """One sentence on why there is no model."""
        view = self.registry
        if self.unloaded:
            return "There is no model to answer with: it was unloaded, and is loaded again on demand alone."
        if view.refused:
            version, reason = next(reversed(view.refused.items()))
            return f"There is no model to answer with: version {version} was refused ({reason})."
        if view.reachable is None:
            return "There is no model to answer with yet: the registry has not been asked."
        if not view.reachable:
            return (
                "There is no model to answer with: the registry cannot be reached and there is no copy on disk."
            )
        if view.production:
            return f"There is no model to answer with yet: version {view.production} is being loaded."
        return "There is no model to answer with: no version has been promoted to production."

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each; empty when all is well."""
        view, model = self.registry, self.current
        said = []
        if model is None:
            said.append(self.why_empty())
        if view.reachable is False and view.unreachable_since and model:
            since = view.unreachable_since.isoformat(timespec="seconds")
            said.append(
                f"registry unreachable since {since}, serving version {model.version} from memory and disk"
            )
        said += [
            f"version {version} was refused ({reason})"
            + (f", serving version {model.version}" if model else "")
            for version, reason in view.refused.items()
            if model is not None
        ]
        said += [
            f"version {version} is not tried, as it should be: it was refused ({reason})"
            for version, reason in self.rollout_refused.items()
        ]
        return said
