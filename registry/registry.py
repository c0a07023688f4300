"""The registry as flows, services, the CLI and the admin pages see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from config.errors import RegistryError
from config.settings import Settings
from models.comparison import Comparison
from models.family import Evaluation, Predictor, get_family
from registry import reports, training_log
from registry.api import MlflowApi
from registry.catalog import GATE, KEY, Catalog
from registry.code import code_version
from registry.gate import GateResult
from registry.promotion import Promoter
from registry.records import LoadedModel, ModelVersion
from registry.rollout_ledger import RolloutLedger
from registry.rollouts import Rollouts
from registry.training_log import Training
from storage.database import advisory_guard
from storage.history import Promotion


class Registry:
    """Log, register, promote, roll back, load.

    Making one connects to nothing. Each call that needs MLflow raises RegistryUnavailable within seconds when
    it is away.

    Args:
        settings: where MLflow is, and the folder of the disk copies.
        engine: the platform's database; None for who only reads versions (a service).
        api: the client of MLflow, for who wants time-outs of their own.
    """

    def __init__(self, settings: Settings, engine: Engine | None = None, api: MlflowApi | None = None) -> None:
        self._settings, self._engine = settings, engine
        self._api = api or MlflowApi(settings.mlflow_url)
        self._catalog = Catalog(self._api, settings.home / "cache" / "models")

    def close(self) -> None:
        """Close the connections to MLflow."""
        self._api.close()

    # -- reading -----------------------------------------------------------------------------------------
    def production(self, family: str) -> ModelVersion | None:
        """The version in production; one request of milliseconds, so it may be asked all the time."""
        return self._catalog.production(family)

    def versions(self, family: str) -> list[ModelVersion]:
        """All versions, the newest first."""
        return self._catalog.versions(family)

    def version(self, family: str, version: str) -> ModelVersion:
        """One version. Raises ModelNotFound."""
        return self._catalog.version(family, version)

    def files(self, family: str, version: str) -> dict[str, bytes]:
        """A version's files, verified. Raises ModelNotFound, ModelInvalid."""
        return self._catalog.files(self._catalog.version(family, version))

    def folder(self, version: ModelVersion) -> Path:
        """Where the disk copy of a version's files lies, once it was loaded. Raises ModelInvalid."""
        return self._catalog.folder(version)

    def read_afresh(self, version: ModelVersion) -> None:
        """Fetch a version's files from MLflow and check each, and keep no copy.

        Raises:
            ModelInvalid: one of them is not right.
        """
        self._catalog.check(version)

    def load(self, family: str, version: str) -> LoadedModel:
        """A version's predictor, from its verified files. Raises ModelNotFound, ModelInvalid."""
        found = self._catalog.version(family, version)
        return LoadedModel(get_family(family).load(self._catalog.files(found)), found)

    def report_files(self, version: ModelVersion) -> list[str]:
        """Paths of the files that its training reported; see :func:`registry.reports.report_files`."""
        return reports.report_files(self._api, version.run_id)

    def report_file(self, version: ModelVersion, path: str) -> bytes:
        """One of them. Raises ModelNotFound."""
        return reports.report_file(self._api, version.run_id, path)

    def compare(self, family: str, a: str, b: str) -> dict[str, Any]:
        """Two versions side by side: ``{"a": ..., "b": ..., "metrics": [{name, a, b, difference}]}``.

        Mind that each was measured on the test rows of its own dataset version; ``same_rows`` says whether
        those are the same.
        """
        first, second = self.version(family, a), self.version(family, b)
        names = sorted({*first.metrics, *second.metrics})
        metrics = [_side_by_side(name, first.metrics.get(name), second.metrics.get(name)) for name in names]
        return {
            "family": family,
            "a": first.as_dict(),
            "b": second.as_dict(),
            "same_rows": bool(first.dataset) and first.dataset == second.dataset,
            "metrics": metrics,
        }

    # -- writing -----------------------------------------------------------------------------------------
    def log_training(
        self,
        *,
        family: str,
        predictor: Predictor,
        evaluation: Evaluation,
        comparison: Comparison | None,
        dataset: str,
        dataset_sha256: str,
        params: Mapping[str, Any],
        rows: Mapping[str, int],
        key: str,
        tags: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Log a training as an MLflow run and register its model; the same ``key`` again gives that version."""
        for version in self.versions(family):
            if version.tags.get(KEY) == key:
                return version
        training = Training(
            family=family,
            predictor=predictor,
            evaluation=evaluation,
            comparison=comparison,
            dataset=dataset,
            dataset_sha256=dataset_sha256,
            params=params,
            rows=rows,
            code=code_version(),
            key=key,
            tags=tags or {},
        )
        return self.version(family, training_log.write(self._api, training))

    def record_gate(self, family: str, version: str, gate: GateResult) -> ModelVersion:
        """Keep the gate's verdict with the version: promotion asks for it, also weeks later by hand."""
        value = json.dumps(gate.as_dict())
        body = {"name": family, "version": version, "key": GATE, "value": value}
        self._api.post("model-versions/set-tag", body)
        return self.version(family, version)

    def promote(
        self,
        family: str,
        version: str,
        *,
        actor: str,
        reason: str,
        figures: Mapping[str, Any] | None = None,
        force: bool = False,
        at: datetime,
    ) -> Promotion:
        """Put a version into production; see :meth:`registry.promotion.Promoter.promote`."""
        if figures is None:
            found, champion = self.version(family, version), self.production(family)
            figures = {"metrics": found.metrics, "replaced": champion.metrics if champion else None}
        return self._promoter().promote(
            family, version, actor=actor, reason=reason, figures=figures, force=force, at=at
        )

    def rollback(
        self,
        family: str,
        *,
        actor: str,
        reason: str,
        to: str | None = None,
        at: datetime,
        expected: str | None = None,
    ) -> Promotion:
        """Go back to an earlier version; see :meth:`registry.promotion.Promoter.rollback`."""
        return self._promoter().rollback(family, actor=actor, reason=reason, to=to, at=at, expected=expected)

    @property
    def rollouts(self) -> Rollouts:
        """What begins and ends the trial of a version beside the one in production."""
        engine = self._database()
        ledger = RolloutLedger(self._api, self._catalog, engine)
        return Rollouts(self._promoter(), self._catalog, engine, ledger)

    def history(self, family: str) -> list[Promotion]:
        """Promotions and rollbacks with who, why and figures, the newest first. Needs only the database."""
        return self._promoter().history(family)

    def _promoter(self) -> Promoter:
        engine = self._database()
        return Promoter(self._api, self._catalog, engine, advisory_guard(engine), self._settings)

    def _database(self) -> Engine:
        if self._engine is None:
            raise RegistryError("This registry was opened for reading: it has no database.")
        return self._engine


def _side_by_side(name: str, a: float | None, b: float | None) -> dict[str, Any]:
    difference = None if a is None or b is None else b - a
    return {"name": name, "a": a, "b": b, "difference": difference}
