"""Beginning and ending rollouts: a version that takes a share of the questions, or is asked unseen.

The alias ``production`` never moves here. What is tried is loaded and asked first, as before a promotion.
"""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import Engine

from config.errors import InputError, ModelNotFound, RegistryError
from registry.catalog import Catalog
from registry.permission import require_actor, require_gate
from registry.promotion import Promoter
from registry.rollout_ledger import RolloutLedger
from registry.rollout_tag import MODES, RolloutTag
from storage.rollouts import CANARY, INTERRUPTED, STOPPED, Rollout, begin_rollout, end_rollout

#: Families whose service can try a second version. Of another one nobody would ask it.
FAMILIES = (
    "viral", "ctr", "recommendation", "face", "moderation", "imagery", "sentiment", "topics", "entities",
)  # fmt: skip
#: Shares are told apart to a hundredth of a percent.
LEAST_SHARE = 0.0001

_log = logging.getLogger(__name__)


class Rollouts:
    """Begins and ends them, one at a time with promotions of the family.

    Args:
        promoter: whose lock, history and questions are shared.
    """

    def __init__(self, promoter: Promoter, catalog: Catalog, engine: Engine, ledger: RolloutLedger) -> None:
        self._promoter, self._catalog, self._engine, self._ledger = promoter, catalog, engine, ledger

    def start(
        self,
        family: str,
        version: str,
        *,
        mode: str,
        share: float,
        by: str,
        reason: str,
        force: bool = False,
        at: datetime,
    ) -> Rollout:
        """Try ``version`` beside the one in production.

        Args:
            family: whose it is.
            version: its number.
            mode: ``canary`` (its answers are given) or ``shadow`` (they are recorded, not given).
            share: of the questions: 0 < share < 1 of a canary, 0 < share <= 1 of a shadow.
            by: who does it.
            reason: why.
            force: for a canary that the gate did not pass; a shadow needs none.
            at: now.

        Raises:
            InputError: a share or mode that cannot be, one runs already, or the family's service tries none.
            ModelNotFound: no such version, or nothing is in production.
            GateFailed: the gate did not pass it, or passed it against another champion.
            ModelInvalid: the stored files do not answer as a model of this family must.
        """
        require_actor(by)
        _check(family, mode, share)
        with self._promoter.alone(family):
            self._promoter.settle(family, at=at)
            production = self._catalog.production(family)
            self._ledger.settle(family, production, at=at)
            if production is None:
                raise ModelNotFound(
                    f"Nothing of '{family}' is in production, so there is nothing to try a version beside.",
                    hint=f"Promote one: `assay models promote {family} {version} --reason WHY`.",
                )
            candidate = self._catalog.version(family, version)
            if candidate.version == production.version:
                raise InputError(f"Version {version} of '{family}' is in production already.")
            if mode == CANARY and not force:
                require_gate(candidate, production)
            self._promoter.ask(candidate)
            row = begin_rollout(
                self._engine,
                family=family,
                version=candidate.version,
                champion=production.version,
                mode=mode,
                share=share,
                by=by,
                reason=reason,
                at=at,
            )
            tag = RolloutTag(row.id, row.version, mode, share, at.isoformat(), candidate.dataset)
            self._tell(row, tag, at)
        _log.info("%s: version %s is tried as a %s", family, row.version, mode)
        return row

    def stop(self, family: str, *, by: str, at: datetime) -> Rollout:
        """End the rollout that runs. Raises ModelNotFound: none does."""
        require_actor(by)
        with self._promoter.alone(family):
            row = self._ledger.settle(family, self._catalog.production(family), at=at)
            if row is None:
                raise ModelNotFound(f"No version of '{family}' is tried now.")
            self._ledger.remove(family, row.champion)
            end_rollout(self._engine, row.id, outcome=STOPPED, by=by, at=at)
        return row

    def settle(self, family: str, *, at: datetime) -> Rollout | None:
        """The rollout that runs, after whatever a death left behind is settled."""
        with self._promoter.alone(family):
            return self._ledger.settle(family, self._catalog.production(family), at=at)

    def _tell(self, row: Rollout, tag: RolloutTag, at: datetime) -> None:
        try:
            self._ledger.write(row.family, row.champion, tag)
        except BaseException:  # the answer may be lost on its way, so the tag may be there in any case
            try:
                self._ledger.remove(row.family, row.champion)
            except RegistryError as error:
                _log.error("%s: services may know of a rollout that did not begin (%s)", row.family, error)
                raise
            end_rollout(self._engine, row.id, outcome=INTERRUPTED, by=row.started_by, at=at)
            raise


def _check(family: str, mode: str, share: float) -> None:
    if family not in FAMILIES:
        raise InputError(
            f"The service of '{family}' tries no second version.", hint=f"Those of {', '.join(FAMILIES)} do."
        )
    if mode not in MODES:
        raise InputError(f"'{mode}' is no way to try a version.", hint=f"Ways: {', '.join(MODES)}.")
    if not (LEAST_SHARE <= share < 1 or (share == 1 and mode != CANARY)):
        raise InputError(
            f"A {mode} cannot have a share of {share:g}.",
            hint=f"Give one from {LEAST_SHARE:g} to below 1, such as 0.1; a shadow may have 1.",
        )
