"""Dataset versions: by family, stage and month; one version; what changed; what the next month would be."""

from __future__ import annotations

import re
from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from config.errors import AssayError, InputError
from models.family import FAMILIES, get_family
from serving.admin.access import moment, require
from serving.admin.asking import ask
from serving.admin.charts import bars, stack
from serving.admin.dataset_download import part_response, zip_response
from serving.admin.dataset_index import family_months
from serving.admin.formats import exact
from serving.admin.home import prefect_pages
from serving.admin.pages import page
from serving.admin.parts import AdminParts, parts
from storage.datasets.manifest import Manifest, VersionRef
from storage.datasets.naming import version_name
from storage.review_counts import decisions_by_admin
from storage.versions import RecordedVersion, list_versions
from tasks.building import preview

#: A comparison of versions no larger than this begins by itself; a larger one waits for a click.
QUICK_BYTES = 64 << 20
LATEST_MONTHS = 3
MONTH = re.compile(r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])")


@require("viewer")
def overview(request: Request) -> Response:
    """All families: their latest months."""
    found = parts(request)
    recorded = list_versions(found.engine)
    families = [(get_family(name), family_months(name, recorded)) for name in FAMILIES]
    return page(request, "datasets.html", families=families, latest=LATEST_MONTHS)


@require("viewer")
def family(request: Request) -> Response:
    """One family: every month with its days, and who verified how much."""
    found, name = parts(request), request.path_params["family"]
    known = get_family(name)
    return page(
        request,
        "datasets_family.html",
        family=known,
        families=[get_family(one) for one in FAMILIES],
        months=family_months(name, list_versions(found.engine, name)),
        admins=decisions_by_admin(found.engine, name),
        next_month=moment().strftime("%Y-%m"),
    )


@require("viewer")
def version(request: Request) -> Response:
    """One version: rows, classes, split, lineage, parts, and what changed since the one before."""
    found = parts(request)
    manifest = _manifest(request)
    recorded = list_versions(found.engine, manifest.family, manifest.stage)
    same = [one for one in recorded if one.period == manifest.period]
    own = next((one for one in same if one.revision == manifest.revision), None)
    erased = found.datasets.gone_names(manifest.family, manifest.stage)
    gone = manifest.name in erased
    before = None if gone else _before(found, manifest, same, erased)
    latest = max((one.revision for one in same), default=manifest.revision)
    month = manifest.period if manifest.stage == "verified" else None
    return page(
        request,
        "dataset.html",
        family=get_family(manifest.family),
        manifest=manifest,
        name=exact(manifest) if manifest.revision < latest else manifest.name,
        gone=gone,
        retired=gone and found.datasets.is_retired(manifest),
        instead=_instead(manifest, same, erased) if gone else None,
        recorded=own,
        revisions=sorted((one.revision for one in same), reverse=True),
        classes=bars(manifest.classes),
        split=stack(manifest.split),
        sources=_by_stage(manifest),
        before=before,
        quick=before is not None and before.size + manifest.size <= QUICK_BYTES,
        admins=[one for one in decisions_by_admin(found.engine, manifest.family) if one.month == month],
        prefect=prefect_pages(found),
    )


@require("viewer")
def difference(request: Request) -> Response:
    """What changed from one version to another: rows added, removed and relabelled."""
    found, manifest = parts(request), _manifest(request)
    family = get_family(manifest.family)
    other = found.datasets.find(request.query_params.get("from", ""))
    if other.family != manifest.family:
        raise InputError("Versions of two families have no rows in common.")
    for one in (other, manifest):
        found.datasets.require_rows(one)
    changes = found.datasets.diff(other, manifest, key=family.key, label=family.label)
    template = "dataset_diff_part.html" if "fragment" in request.query_params else "dataset_diff.html"
    return page(request, template, family=family, a=other, b=manifest, diff=changes)


@require("viewer")
def next_month(request: Request) -> Response:
    """What the next monthly run would publish, without publishing it."""
    found, name = parts(request), request.path_params["family"]
    month = request.query_params.get("month") or moment().strftime("%Y-%m")
    if not MONTH.fullmatch(month):
        raise InputError(f"'{month}' is not a month.", hint="Write it as YYYY-MM, such as 2026-10.")
    family = get_family(name)
    loaded = "fragment" in request.query_params
    report = ask(partial(preview, found, name, month)) if loaded else None
    template = "dataset_preview_part.html" if loaded else "dataset_preview.html"
    return page(request, template, family=family, month=month, report=report, bars=bars, stack=stack)


@require("verifier")
def download(request: Request) -> Response:
    """The whole version as one zip: its manifest and its parts."""
    return zip_response(parts(request).store, _with_rows(request))


@require("verifier")
def download_part(request: Request) -> Response:
    """One Parquet part."""
    return part_response(parts(request).store, _with_rows(request), request.path_params["number"])


@require("viewer")
def latest(request: Request) -> Response:
    """``/datasets/viral/full`` leads to its latest period, as names do everywhere."""
    where = request.path_params
    manifest = parts(request).datasets.find(f"{where['family']}/{where['stage']}")
    return RedirectResponse(f"/datasets/{manifest.name}", 303)


def _manifest(request: Request) -> Manifest:
    where = request.path_params
    name = f"{where['family']}/{where['stage']}/{where['period']}"
    return parts(request).datasets.manifest(*VersionRef.parse_name(name))


def _with_rows(request: Request) -> Manifest:
    """As :func:`_manifest`; VersionErased before anything of it is sent where its rows are gone."""
    manifest = _manifest(request)
    parts(request).datasets.require_rows(manifest)
    return manifest


def _instead(manifest: Manifest, same: list[RecordedVersion], erased: set[str]) -> str | None:
    """The name of the latest revision that has the rows of everybody else; None: nothing was left."""
    left = [one.revision for one in same if version_name(*_place(manifest), one.revision) not in erased]
    return f"{manifest.series}.r{max(left)}" if left else None


def _before(
    found: AdminParts, manifest: Manifest, same: list[RecordedVersion], erased: set[str]
) -> Manifest | None:
    """The last revision before that has its rows, or else the latest of the period before in the same stage."""
    earlier = [one.revision for one in same if one.revision < manifest.revision]
    there = [number for number in earlier if version_name(*_place(manifest), number) not in erased]
    try:
        if there:
            return found.datasets.manifest(*_place(manifest), max(there))
        recorded = list_versions(found.engine, manifest.family, manifest.stage)
        periods = sorted({one.period for one in recorded if one.period < manifest.period})
        return found.datasets.manifest(manifest.family, manifest.stage, periods[-1]) if periods else None
    except AssayError:  # it was erased, or its manifest is damaged: this version is not the worse for it
        return None


def _place(manifest: Manifest) -> tuple[str, str, str]:
    return manifest.family, manifest.stage, manifest.period


def _by_stage(manifest: Manifest) -> dict[str, list[VersionRef]]:
    found: dict[str, list[VersionRef]] = {}
    for ref in manifest.built_from:
        found.setdefault(ref.stage, []).append(ref)
    return found


ROUTES = [
    Route("/datasets", overview),
    Route("/datasets/{family}", family),
    Route("/datasets/{family}/preview", next_month),
    Route("/datasets/{family}/{stage}", latest),
    Route("/datasets/{family}/{stage}/{period}", version),
    Route("/datasets/{family}/{stage}/{period}/diff", difference),
    Route("/datasets/{family}/{stage}/{period}/download", download),
    Route("/datasets/{family}/{stage}/{period}/parts/{number:int}", download_part),
]
