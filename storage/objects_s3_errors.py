"""What an S3 client raises, as this project's own errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import urllib3
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from config.errors import ObjectNotFound, StoreAccessDenied, StoreError, StoreFull, StoreUnavailable

MISSING = frozenset({"NoSuchBucket", "NoSuchKey", "NoSuchUpload", "NoSuchVersion", "ResourceNotFound"})
DENIED = frozenset(
    {
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
FULL = frozenset(
    {
        "InsufficientStorage",
        "QuotaExceeded",
        "XMinioAdminBucketQuotaExceeded",
        "XMinioStorageFull",
        "StorageFull",
    }
)
TRANSIENT = frozenset({"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"})

#: Raised by the transport: refused, reset, timed out, cut off, or 5xx until the retries were used up.
TRANSPORT = (urllib3.exceptions.HTTPError, ConnectionError, TimeoutError)


@contextlib.contextmanager
def store_errors(endpoint: str, bucket: str, key: str = "") -> Iterator[None]:
    """Turn the client's errors into StoreError; ``key`` is what the sentence is about."""
    try:
        yield
    except (MinioException, *TRANSPORT) as error:
        raise translate(error, endpoint, bucket, key) from error


def translate(error: Exception, endpoint: str, bucket: str, key: str) -> StoreError:
    """The StoreError that says what ``error`` means, and what to do about it."""
    what = f"'{key}' in bucket '{bucket}'" if key else f"bucket '{bucket}'"
    if isinstance(error, TRANSPORT):
        return unavailable(endpoint, what, _root_cause(error))
    code, status = _code(error), _status(error)
    if code in MISSING:
        return ObjectNotFound(f"There is no {'object ' if key else ''}{what}.")
    if code in FULL or status == 507:
        return StoreFull(
            f"The store {endpoint} has no space left for {what}.", hint="Free some space or raise the quota."
        )
    if code in DENIED or status in (401, 403):
        return StoreAccessDenied(
            f"The store {endpoint} refuses access to {what} ({code or status}).",
            hint="Check MINIO_ROOT_USER, MINIO_ROOT_PASSWORD, their permissions, and the clock.",
        )
    if code in TRANSIENT or (status or 0) >= 500:
        return unavailable(endpoint, what, str(code or f"status {status}"))
    if isinstance(error, InvalidResponseError):
        return StoreError(
            f"What answers at {endpoint} is not an S3 store (status {status}).", hint="Check MINIO_ENDPOINT."
        )
    return StoreError(f"The store {endpoint} refused {what}: {error}")


def unavailable(endpoint: str, what: str, cause: str) -> StoreUnavailable:
    """The error for a store that went away and did not come back within the retries."""
    return StoreUnavailable(
        f"The store {endpoint} could not be reached or went away at {what}, and retries did not help: {cause}",
        hint="Check MINIO_ENDPOINT and MINIO_SECURE, and that the store runs.",
    )


def _code(error: Exception) -> str | None:
    return error.code if isinstance(error, S3Error) else None


def _status(error: Exception) -> int | None:
    if isinstance(error, S3Error):
        return error.response.status if error.response else None
    if isinstance(error, ServerError):
        return error.status_code
    return getattr(error, "_code", None) if isinstance(error, InvalidResponseError) else None


def _root_cause(error: BaseException) -> str:
    """The innermost reason of urllib3's nested errors, in a few words."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _root_cause(reason)
    text = str(error).rsplit(": ", 1)[-1].strip() or type(error).__name__
    return text if text.endswith(".") else f"{text}."
