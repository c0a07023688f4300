"""Every error that Assay raises on purpose.

    AssayError
    ├── SettingsError              a setting is missing, wrong or unsafe
    ├── InputError                 data from outside does not fit: which field, which row, what to do
    │   ├── DefinitionFaulty       fields of an experiment's definition, each with what is wrong
    │   ├── ExperimentNotFound
    │   ├── ExperimentConflict     its state does not allow that, or somebody else changed it in the meantime
    │   └── FlagConflict           somebody else changed the feature flag in the meantime
    ├── StoreError                 the object store
    │   ├── ObjectNotFound
    │   ├── ObjectExists           create-once met an object that is already there
    │   ├── StoreAccessDenied      wrong credentials or no permission
    │   ├── StoreUnavailable       not reachable, or gone in mid-transfer, after the retries
    │   └── StoreFull              no space left
    ├── DatasetError               dataset versions
    │   ├── VersionNotFound
    │   ├── VersionCorrupt         bytes do not have the SHA-256 that the manifest states
    │   ├── VersionErased          a person in it was forgotten, so that its rows are gone
    │   ├── VersionRetired         retention deleted its rows
    │   └── VersionConflict        another content is already published under that name
    ├── DatabaseError
    │   └── DatabaseUnavailable
    ├── TrainingError              too few rows, one class only, ...
    ├── RegistryError              MLflow and promotion
    │   ├── ModelNotFound
    │   ├── ModelInvalid           the stored files are not a model of this family
    │   ├── GateFailed
    │   └── RegistryUnavailable
    ├── FlowError                  Prefect: unknown deployment, refused parameters
    │   ├── FlowUnavailable
    │   └── ClusterUnavailable     the Dask scheduler does not answer, or has no workers
    ├── BackupCorrupt              a backup's index or a blob is missing or was altered
    └── PlatformError              the embedded stack: taken port, second `up`, broken data folder

A message is one clear sentence. What a user can mend, ``hint`` tells how.
"""

from __future__ import annotations

from collections.abc import Sequence


class AssayError(Exception):
    """Root of the project's errors: a sentence that says what is wrong, and a hint that says what to do."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class SettingsError(AssayError):
    """A setting is missing, malformed, or unsafe outside development."""


class InputError(AssayError):
    """Data from outside that does not fit."""


class DefinitionFaulty(InputError):
    """A definition of an experiment that is not usable; ``faults`` are (field, what is wrong with it)."""

    def __init__(self, message: str, faults: Sequence[tuple[str, str]], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.faults = tuple(faults)


class ExperimentNotFound(InputError):
    """No experiment of that id."""


class ExperimentConflict(InputError):
    """An experiment's state does not allow the change, or somebody else changed it in the meantime."""


class FlagConflict(InputError):
    """Somebody else changed the feature flag in the meantime."""


class StoreError(AssayError):
    """The object store failed."""


class ObjectNotFound(StoreError):
    """No object under that key."""


class ObjectExists(StoreError):
    """A create-once write met an object that is already there."""


class StoreAccessDenied(StoreError):
    """The store refused the credentials, or they lack a permission."""


class StoreUnavailable(StoreError):
    """The store could not be reached, or went away in mid-transfer, and retries did not help."""


class StoreFull(StoreError):
    """The store has no space left."""


class DatasetError(AssayError):
    """Something about a dataset version."""


class VersionNotFound(DatasetError):
    """No manifest under that name."""


class VersionCorrupt(DatasetError):
    """A part is missing, or its bytes do not match the manifest."""


class VersionErased(DatasetError):
    """A person in that revision was forgotten: its rows are gone, and a later revision has the others."""


class VersionRetired(DatasetError):
    """Retention deleted the rows of that version: it was old, and nothing needed them."""


class VersionConflict(DatasetError):
    """That version is already published with another content."""


class DatabaseError(AssayError):
    """The database refused something."""


class DatabaseUnavailable(DatabaseError):
    """The database could not be reached."""


class TrainingError(AssayError):
    """Training cannot be done on this data."""


class RegistryError(AssayError):
    """The model registry."""


class ModelNotFound(RegistryError):
    """No such registered version, or nothing in production."""


class ModelInvalid(RegistryError):
    """The stored files are not a model of this family."""


class GateFailed(RegistryError):
    """The challenger does not pass the gate."""


class RegistryUnavailable(RegistryError):
    """MLflow could not be reached."""


class FlowError(AssayError):
    """Prefect refused."""


class FlowUnavailable(FlowError):
    """Prefect could not be reached."""


class ClusterUnavailable(FlowError):
    """The Dask cluster that a flow's parts run on could not be reached, or lost its workers."""


class BackupCorrupt(AssayError):
    """A backup's index or one of its blobs is missing, or is not what it was."""


class PlatformError(AssayError):
    """The embedded platform cannot start or run."""
