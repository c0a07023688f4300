"""Training: rows out of a dataset version, a fit, and figures of challenger and champion on the same rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.errors import DatasetError, ModelInvalid
from config.settings import load_settings
from models.comparison import Comparison, compare_losses
from models.family import Evaluation, Predictor, get_family
from registry.gate import GateResult, decide
from registry.records import LoadedModel, ModelVersion
from storage.datasets.manifest import Manifest
from storage.erasure import is_erased, rows_guard
from tasks.dask_training import machines_for
from tasks.heavy_training import checkpoints_of, fit_heavy, stream_rows
from tasks.platform import Platform, platform
from tasks.policy import computed, networked
from tasks.training_rows import RoleRows, as_of_today, check_rows, newest, shortage


@dataclass(frozen=True)
class Champion:
    """The version in production, with its predictor where its files still load."""

    version: ModelVersion | None
    model: LoadedModel | None
    problem: str = ""


@dataclass(frozen=True)
class Scores:
    """Challenger and champion on the same held-out rows."""

    challenger: Evaluation
    champion: Evaluation | None
    comparison: Comparison | None


@networked("resolve dataset")
def resolve_dataset(family: str, name: str | None) -> Manifest:
    """The manifest called ``name``; without a name the family's latest full version.

    Raises:
        VersionNotFound: there is none.
        DatasetError: it is another family's.
    """
    with platform() as parts:
        manifest = parts.datasets.find(name or f"{family}/full")
    if manifest.family != family:
        raise DatasetError(f"{manifest.ref.name} is not data of family '{family}'.")
    return manifest


@networked("load rows")
def load_rows(manifest: Manifest, limit: int | None) -> RoleRows:
    """The version's rows by role, checked; ``limit`` takes the newest rows to learn from, and all test rows.

    Of a family with heavy columns they are streams, each pass of which reads the version again.
    """
    family = get_family(manifest.family)
    with platform() as parts:
        if family.heavy:
            return stream_rows(parts, manifest, family, limit)
        table = parts.datasets.table(manifest)
        options = family.options(parts.settings)
    train, valid, test = family.training_rows(as_of_today(table, family, manifest.ref.name), options)
    train, valid = newest(train, valid, time=family.time, limit=limit)
    rows = RoleRows(train, valid, test, manifest.ref.name, manifest.ref.sha256, limit)
    check_rows(rows, family)
    return rows


def too_little(family_name: str, rows: RoleRows) -> str | None:
    """Why ``rows`` are too few to learn from, where that is no failure (see ``shortage``)."""
    family = get_family(family_name)
    return shortage(rows, family, load_settings().gate_floors(family_name)[0])


@computed("fit challenger")
def fit_challenger(family_name: str, rows: RoleRows, params: Mapping[str, Any] | None) -> Predictor:
    """A model fitted on the training rows; the same rows, parameters and seed give the same model.

    Past ``LIGHTGBM_DASK_ROWS`` on the workers of ``DASK_SCHEDULER_ADDRESS``, where the family can.
    """
    settings = load_settings()
    family = get_family(family_name)
    if family.heavy:
        return fit_heavy(family, rows, params or {}, settings)
    options, seed = family.options(settings), settings.training_seed
    if not family.spreads:
        return family.fit(rows.train, rows.valid, options, params or {}, seed)
    with machines_for(rows.train.num_rows + rows.valid.num_rows, settings) as machines:
        return family.fit(rows.train, rows.valid, options, params or {}, seed, machines=machines)


@networked("load champion")
def load_champion(family: str) -> Champion:
    """What is in production. One whose files are damaged is named, and not compared with."""
    with platform() as parts:
        version = parts.registry.production(family)
        if version is None:
            return Champion(None, None)
        try:
            return Champion(version, parts.registry.load(family, version.version))
        except ModelInvalid as error:
            return Champion(version, None, str(error))


@computed("evaluate")
def evaluate_both(family_name: str, challenger: Predictor, champion: Champion, rows: RoleRows) -> Scores:
    """Measure both on the same test rows, and how sure the difference is."""
    settings = load_settings()
    family = get_family(family_name)
    options, seed = family.options(settings), settings.training_seed
    measured = family.evaluate(challenger, rows.test, options, seed)
    if champion.model is None:
        return Scores(measured, None, None)
    before = family.evaluate(champion.model.predictor, rows.test, options, seed)
    comparison = compare_losses(
        before.losses,
        measured.losses,
        measured.groups,
        confidence=settings.gate_confidence,
        seed=seed,
    )
    return Scores(measured, before, comparison)


@networked("log and register")
def log_challenger(
    family: str,
    challenger: Predictor,
    scores: Scores,
    rows: RoleRows,
    params: Mapping[str, Any] | None,
    key: str,
) -> ModelVersion:
    """Log run, figures, plots and files to MLflow and register the version; once for each ``key``.

    What the training kept of its progress is of no more use then. Pictures of people who were forgotten while
    it ran are not shown; an erasure that begins now waits, and then finds the sheet.
    """
    with platform() as parts, rows_guard(parts.engine, family):
        version = parts.registry.log_training(
            family=family,
            predictor=challenger,
            evaluation=_without_forgotten(parts, scores.challenger),
            comparison=scores.comparison,
            dataset=rows.dataset,
            dataset_sha256=rows.dataset_sha256,
            params=params or {},
            rows=rows.counts,
            key=key,
            tags={"assay.flow_run": key},
        )
        found = get_family(family)
        if found.heavy:
            checkpoints_of(found, rows, params or {}, parts.settings).clear()
    return version


def _without_forgotten(parts: Platform, evaluation: Evaluation) -> Evaluation:
    """``evaluation`` without pictures of people who are forgotten."""
    people = sorted({one.entity for one in evaluation.mistakes})
    erased = is_erased(parts.engine, parts.settings, people)
    kept = tuple(one for one in evaluation.mistakes if one.entity not in erased)
    return dataclasses.replace(evaluation, mistakes=kept) if erased else evaluation


@networked("judge")
def judge(version: ModelVersion, scores: Scores, rows: RoleRows, champion: Champion) -> GateResult:
    """Ask the gate, and keep its verdict with the version."""
    in_production = champion.version.version if champion.version else None
    with platform() as parts:
        gate = decide(
            scores.challenger,
            scores.comparison,
            rows.train.num_rows,
            parts.settings,
            champion=in_production,
            family=version.family,
        )
        parts.registry.record_gate(version.family, version.version, gate)
    return gate


def comparison_figures(scores: Scores) -> dict[str, Any]:
    """JSON-ready figures of both, for history and reports."""
    return {
        "metrics": scores.challenger.metrics,
        "champion": scores.champion.metrics if scores.champion else None,
        "baselines": scores.challenger.baselines,
        "against_champion": dataclasses.asdict(scores.comparison) if scores.comparison else None,
    }
