"""Reading the registry: versions, the one in production, and their files."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.errors import ModelInvalid, ModelNotFound, RegistryError
from registry.api import MlflowApi
from registry.files import (
    INSIDE,
    LISTING,
    digest,
    parse_listing,
    prune_folders,
    read_folder,
    verify,
    write_folder,
)
from registry.records import ModelVersion

ALIAS = "production"
#: Tags that Assay puts on a version. The key makes registering idempotent.
KEY, FILES, DATASET, DATASET_SHA, METRICS, ROWS, CODE, GATE = (
    f"assay.{name}" for name in ("key", "files", "dataset", "dataset_sha256", "metrics", "rows", "code", "gate")
)
_PAGE = 200
#: Copies on disk, a family: a champion, what is tried against it, and some to go back to.
KEPT_COPIES = 5


class Catalog:
    """Versions as MLflow has them, and a folder on disk with the files that were fetched.

    Args:
        cache: folder of verified copies, one a version; of a family the few that were used last.
    """

    def __init__(self, api: MlflowApi, cache: Path) -> None:
        self._api, self._cache = api, cache

    def production(self, family: str) -> ModelVersion | None:
        """The version in production, in one quick request; None when there is none.

        Raises:
            RegistryUnavailable: MLflow does not answer.
        """
        try:
            answer = self._api.get("registered-models/alias", name=family, alias=ALIAS)
        except ModelNotFound:
            return None
        found = _version(answer["model_version"], production=True)
        if found.files_sha256:
            self.folder(found)  # what is in production is in use: its copy stays, whatever else is loaded
        return found

    def version(self, family: str, version: str) -> ModelVersion:
        """One version.

        Raises:
            ModelNotFound: there is no such version.
        """
        if not version.isdecimal():
            raise ModelNotFound(f"'{version}' is not a version number.", hint="See `assay models list`.")
        try:
            answer = self._api.get("model-versions/get", name=family, version=version)
        except ModelNotFound:
            raise ModelNotFound(
                f"Family '{family}' has no version {version}.", hint="See `assay models list`."
            ) from None
        return _version(answer["model_version"], production=version == self._production_number(family))

    def versions(self, family: str) -> list[ModelVersion]:
        """All versions, the newest first."""
        production = self._production_number(family)
        found: list[ModelVersion] = []
        token = ""
        while True:
            page = self._api.get(
                "model-versions/search", filter=f"name='{family}'", max_results=_PAGE, page_token=token
            )
            found += [
                _version(entry, production=str(entry["version"]) == production)
                for entry in page.get("model_versions", [])
            ]
            token = page.get("next_page_token", "")
            if not token:
                return sorted(found, key=lambda version: int(version.version), reverse=True)

    def files(self, version: ModelVersion, *, fresh: bool = False) -> dict[str, bytes]:
        """The files of ``version``, verified; from the disk copy, which is made on the first call.

        Args:
            version: which one.
            fresh: fetch them again from MLflow whatever the disk has.

        Raises:
            ModelInvalid: a file is missing or damaged, or Assay did not register this version.
        """
        folder = self.folder(version)
        if not fresh and folder.is_dir():
            try:
                return read_folder(folder, family=version.family, sha256=version.files_sha256)
            except ModelInvalid:
                pass  # a damaged copy is fetched again
        listing, files = self._fetch(version)
        write_folder(folder, files, listing)
        prune_folders(folder.parent, newest=folder, kept=KEPT_COPIES)
        return files

    def check(self, version: ModelVersion) -> None:
        """Fetch the files of ``version`` from MLflow and verify them, without a copy on disk.

        Raises:
            ModelInvalid: as :meth:`files`.
        """
        _require_listed(version)
        self._fetch(version)

    def folder(self, version: ModelVersion) -> Path:
        """Where the disk copy of ``version`` lies; named by content, so a new MLflow cannot mix them up.

        Who asks uses it: the copies that nobody used for longest go first.
        """
        _require_listed(version)
        folder = self._cache / version.family / f"{version.version}-{version.files_sha256[:16]}"
        with contextlib.suppress(OSError):  # not there yet, or a disk that can only be read
            os.utime(folder)
        return folder

    def _production_number(self, family: str) -> str | None:
        production = self.production(family)
        return production.version if production else None

    def _fetch(self, version: ModelVersion) -> tuple[bytes, dict[str, bytes]]:
        answer = self._api.get("model-versions/get-download-uri", name=version.family, version=version.version)
        place = f"{answer['artifact_uri'].rstrip('/')}/{INSIDE}"
        read = self._by_proxy if urlsplit(place).scheme == "mlflow-artifacts" else self._by_mlflow
        try:
            listing = read(place, LISTING)
            if digest(listing) != version.files_sha256:
                raise ModelInvalid(f"{LISTING} is not the list that was registered.")
            names = parse_listing(listing, family=version.family)
            return listing, verify({name: read(place, name) for name in names}, listing, family=version.family)
        except (ModelInvalid, ModelNotFound) as error:
            raise ModelInvalid(
                f"Version {version.version} of '{version.family}' cannot be used: {error.message}",
                hint="Train again, or promote another version.",
            ) from error

    def _by_proxy(self, place: str, name: str) -> bytes:
        return self._api.download(f"{urlsplit(place).path.lstrip('/')}/{name}")

    def _by_mlflow(self, place: str, name: str) -> bytes:
        """For servers that do not pass artifacts through: MLflow's own client knows their stores."""
        import mlflow.artifacts
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory() as folder:
            try:
                path = mlflow.artifacts.download_artifacts(
                    artifact_uri=f"{place}/{name}", dst_path=folder, tracking_uri=self._api.url
                )
                return Path(path).read_bytes()
            except (MlflowException, OSError) as error:
                raise RegistryError(f"{place}/{name} cannot be read: {error}.") from error


def _require_listed(version: ModelVersion) -> None:
    if not version.files_sha256:
        raise ModelInvalid(
            f"Version {version.version} of '{version.family}' lists no files: Assay did not register it."
        )


def _version(entry: dict[str, Any], *, production: bool) -> ModelVersion:
    tags = {tag["key"]: tag.get("value", "") for tag in entry.get("tags", [])}
    return ModelVersion(
        family=entry["name"],
        version=str(entry["version"]),
        run_id=entry.get("run_id", ""),
        created_at=datetime.fromtimestamp(int(entry["creation_timestamp"]) / 1000, UTC),
        metrics=_parsed(tags.get(METRICS)),
        dataset=tags.get(DATASET, ""),
        rows=_parsed(tags.get(ROWS)),
        gate=_parsed(tags.get(GATE)),
        code=tags.get(CODE, ""),
        files_sha256=tags.get(FILES, ""),
        tags=tags,
        production=production,
    )


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:  # someone edited the tag by hand
        return {}
    return value if isinstance(value, dict) else {}
