"""Pictures of training reports, fetched from MLflow and served from here; a finished run's never change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from starlette.exceptions import HTTPException
from starlette.responses import Response

from registry.records import ModelVersion
from registry.registry import Registry
from registry.reports import PLOTS

SUFFIX = ".png"
PNG = b"\x89PNG\r\n\x1a\n"
DAY = 86_400


def picture_names(files: Sequence[str]) -> list[str]:
    """Names of the pictures among a report's files."""
    paths = [PurePosixPath(path) for path in files]
    return [path.name for path in paths if str(path.parent) == PLOTS and path.suffix == SUFFIX]


def plot_response(registry: Registry, version: ModelVersion, name: str) -> Response:
    """The picture ``name``. Raises ModelNotFound."""
    data = registry.report_file(version, f"{PLOTS}/{name}")
    if not name.endswith(SUFFIX) or not data.startswith(PNG):
        raise HTTPException(404, "There is no such picture.")
    return Response(data, media_type="image/png", headers={"cache-control": f"private, max-age={DAY}"})
