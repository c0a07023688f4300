"""Moving the alias ``production``: one at a time, asked first, and never without a row of history.

MLflow and PostgreSQL share no transaction, so the order is what makes a crash harmless:

1. Take the family's advisory lock: two promotions wait for each other.
2. Load the version's files afresh and ask it the family's probe questions.
3. Leave the facts of the move as a tag on the version (the intent), move the alias, write the history row. When
   one of them fails, the alias is put back and the caller is told.

A death before the alias moves leaves production as it was. A death between alias and row leaves an alias that
history does not know: :meth:`Promoter.settle`, which every later promotion and rollback runs first under the
same lock, writes the missing row from the intent and says so in it. An alias that someone moved in MLflow's own
page has no intent, and is written down as that.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from config.errors import ModelInvalid, ModelNotFound, RegistryError
from config.settings import Settings
from models.family import get_family
from registry.api import MlflowApi
from registry.catalog import ALIAS, Catalog
from registry.lineage import previous_version
from registry.permission import require_actor, require_gate
from registry.records import ModelVersion
from registry.rollout_ledger import RolloutLedger
from storage.history import Action, Promotion, append_promotion, list_promotions

INTENT = "assay.promotion"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Move:
    """A change of the alias, before it is done."""

    family: str
    from_version: str | None
    to_version: str
    action: Action
    actor: str
    reason: str
    figures: Mapping[str, Any]
    at: datetime


class Promoter:
    """Promotes and rolls back.

    Args:
        guard: lock by name, held while the context is open (``storage.database.advisory_guard``).
    """

    def __init__(
        self,
        api: MlflowApi,
        catalog: Catalog,
        engine: Engine,
        guard: Callable[[str], AbstractContextManager[None]],
        settings: Settings,
    ) -> None:
        self._api, self._catalog, self._engine, self._guard = api, catalog, engine, guard
        self._settings = settings
        self._rollouts = RolloutLedger(api, catalog, engine)

    def alone(self, family: str) -> AbstractContextManager[None]:
        """The family's lock, held while the context is open."""
        return self._guard(lock_name(family))

    def promote(
        self,
        family: str,
        version: str,
        *,
        actor: str,
        reason: str,
        figures: Mapping[str, Any],
        force: bool,
        at: datetime,
    ) -> Promotion:
        """Put ``version`` into production.

        Promoting what is in production already changes nothing and gives the row that put it there.

        Raises:
            GateFailed: the gate did not pass it, or passed it against another champion; ``force`` overrides.
            ModelInvalid: the stored files do not answer as a model of this family must; nothing overrides that.
        """
        require_actor(actor)
        with self.alone(family):
            moves = self.settle(family, at=at)
            champion = self._catalog.production(family)
            self._rollouts.settle(family, champion, at=at)
            candidate = self._catalog.version(family, version)
            if champion and champion.version == candidate.version and moves:
                return moves[0]
            if not force:
                require_gate(candidate, champion)
            self.ask(candidate)
            action: Action = "force" if force else "promote"
            before = champion.version if champion else None
            return self._move(
                Move(family, before, candidate.version, action, actor, reason, figures, at), champion
            )

    def rollback(
        self,
        family: str,
        *,
        actor: str,
        reason: str,
        to: str | None,
        at: datetime,
        expected: str | None = None,
    ) -> Promotion:
        """Go back to version ``to``, or to the one that was in production before.

        Args:
            family: whose version.
            actor: who does it.
            reason: why.
            to: where to; None: one back.
            at: now.
            expected: the version that must be in production for it; None: whichever is.

        Raises:
            ModelNotFound: nothing is in production, or nothing was before it.
            ModelInvalid: that version's files are not usable.
            RegistryError: that version is in production already, or another one than ``expected`` is.
        """
        require_actor(actor)
        with self.alone(family):
            moves = self.settle(family, at=at)
            champion = self._catalog.production(family)
            self._rollouts.settle(family, champion, at=at)
            if champion is None:
                raise ModelNotFound(
                    f"Nothing of '{family}' is in production, so there is nothing to roll back."
                )
            if expected is not None and champion.version != expected:
                raise RegistryError(
                    f"Version {champion.version} of '{family}' is in production by now, not {expected}."
                )
            target = to or previous_version((move.action, move.to_version) for move in reversed(moves))
            if target is None:
                raise ModelNotFound(
                    f"Version {champion.version} is the first of '{family}' in production.",
                    hint="Name the version to go to with --to.",
                )
            if target == champion.version:
                raise RegistryError(f"Version {target} of '{family}' is in production already.")
            candidate = self._catalog.version(family, target)
            self.ask(candidate)
            figures = {"metrics": candidate.metrics, "replaced": champion.metrics}
            return self._move(
                Move(family, champion.version, target, "rollback", actor, reason, figures, at), champion
            )

    def history(self, family: str) -> list[Promotion]:
        """Promotions and rollbacks, the newest first."""
        return list_promotions(self._engine, family)

    def settle(self, family: str, *, at: datetime) -> list[Promotion]:
        """Bring history up to the alias, where a crash or a hand has parted them; gives the history,
        newest first.

        Call it with the family's lock held.
        """
        moves = self.history(family)
        alias = self._catalog.production(family)
        last = moves[0].to_version if moves else None
        if alias is None or alias.version == last:
            return moves
        found = _intended(alias, last) or Move(
            family,
            last,
            alias.version,
            "force",
            "mlflow",
            "The alias was found here: moved outside Assay, or put back after a failure. This row came later.",
            {"metrics": alias.metrics},
            at,
        )
        _log.warning("History of %s missed version %s in production: written now", family, alias.version)
        return [self._append(found), *moves]

    def ask(self, candidate: ModelVersion) -> None:
        """Load the version as a service would, from freshly fetched files, and ask it real questions.

        Raises:
            ModelInvalid: it does not answer as a model of its family must.
        """
        family = get_family(candidate.family)
        options = family.options(self._settings)
        refused = f"Version {candidate.version} of '{candidate.family}' was not put into production"
        try:
            predictor = family.load(self._catalog.files(candidate, fresh=True))
            answers = predictor.predict(family.probe(options))
            family.check(answers, options)
        except ModelInvalid as error:
            raise ModelInvalid(f"{refused}: {error.message}", hint=error.hint) from error
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ModelInvalid(f"{refused}: it does not answer ({error}).") from error

    def _move(self, move: Move, champion: ModelVersion | None) -> Promotion:
        self._write_intent(move)
        try:
            self._set_alias(move.family, move.to_version)
            row = self._append(move)
        except BaseException:  # an answer may be lost on its way, so the alias may have moved in any case
            self._put_back(move.family, champion)
            raise
        _log.info("%s: version %s is in production (%s)", move.family, move.to_version, move.action)
        self._rollouts.moved(move.family, move.to_version, by=move.actor, at=move.at)
        return row

    def _append(self, move: Move) -> Promotion:
        return append_promotion(
            self._engine,
            family=move.family,
            from_version=move.from_version,
            to_version=move.to_version,
            action=move.action,
            actor=move.actor,
            reason=move.reason,
            figures=move.figures,
            at=move.at,
        )

    def _write_intent(self, move: Move) -> None:
        intent = {
            "from_version": move.from_version,
            "action": move.action,
            "actor": move.actor,
            "reason": move.reason,
            "figures": move.figures,
            "at": move.at.isoformat(),
        }
        body = {"name": move.family, "version": move.to_version, "key": INTENT}
        self._api.post("model-versions/set-tag", {**body, "value": json.dumps(intent, default=str)})

    def _set_alias(self, family: str, version: str) -> None:
        self._api.post("registered-models/alias", {"name": family, "alias": ALIAS, "version": version})

    def _put_back(self, family: str, champion: ModelVersion | None) -> None:
        try:
            if champion is not None:
                self._set_alias(family, champion.version)
            else:
                self._api.delete("registered-models/alias", {"name": family, "alias": ALIAS})
        except RegistryError as error:
            _log.error("%s: the alias may have moved without its row of history (%s)", family, error)


def _intended(alias: ModelVersion, last: str | None) -> Move | None:
    try:
        intent = json.loads(alias.tags.get(INTENT, ""))
        if intent["from_version"] != last:
            return None
        return Move(
            alias.family,
            last,
            alias.version,
            intent["action"],
            intent["actor"],
            f"{intent['reason']} (written later: the process ended before it could)",
            intent["figures"],
            datetime.fromisoformat(intent["at"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def lock_name(family: str) -> str:
    """The lock that is held while the family's alias moves."""
    return f"promote:{family}"
