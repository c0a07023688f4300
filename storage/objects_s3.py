"""Objects in a bucket of any S3 endpoint, through the minio SDK.

Requests are retried by urllib3 (refused, reset or timed-out connections, 5xx answers) with exponential back-off
and jitter; a transfer cut off in mid-body goes on where it stopped (``objects_s3_reader``). What stays broken
becomes StoreUnavailable within seconds. Refused credentials are not retried.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import unquote

import urllib3
from minio import Minio
from minio.error import S3Error

from config.errors import ObjectExists, ObjectNotFound, StoreUnavailable
from storage.objects import Data, ObjectInfo, as_stream, check_key, check_prefix, check_range
from storage.objects_s3_client import CountedStream, address_of, answered_at, connection_pool
from storage.objects_s3_errors import TRANSPORT, store_errors, unavailable
from storage.objects_s3_reader import S3Reader, changed_while_read

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3.response import BaseHTTPResponse

T = TypeVar("T")

UPLOAD_PART_BYTES = 16 << 20  # objects above this go up in pieces of this size, one in memory at a time
READ_BUFFER_BYTES = 1 << 20
_MADE_BY_SOMEBODY = frozenset({"BucketAlreadyExists", "BucketAlreadyOwnedByYou"})


class S3Store:
    """An ObjectStore in one bucket of an S3 endpoint.

    Args:
        endpoint: ``host:port`` or a URL; a scheme in it wins over ``secure``.
        retries: further attempts after the first; the pauses between them double from ``backoff`` seconds.
        timeout: seconds to wait for bytes of an answer.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        bucket: str,
        access_key: str,
        secret_key: str,
        secure: bool = False,
        region: str = "us-east-1",
        retries: int = 4,
        backoff: float = 0.25,
        timeout: float = 30.0,
    ) -> None:
        host, secure = address_of(endpoint, secure)
        self._endpoint = host
        self._bucket = bucket
        self._pauses = tuple(backoff * 2**attempt for attempt in range(retries))
        self._http = connection_pool(retries, backoff, timeout)
        self._client = Minio(host, access_key, secret_key, secure=secure, region=region, http_client=self._http)

    def __repr__(self) -> str:
        return f"S3Store({self._endpoint!r}, bucket={self._bucket!r})"

    def put(self, key: str, data: Data) -> ObjectInfo:
        """Write, replacing what was there in one step."""
        check_key(key)
        with as_stream(data) as (stream, length), self._errors(key):
            counted = CountedStream(stream)

            def upload() -> ObjectInfo:
                # one piece after the other: the SDK's parallel upload goes on through all of a large stream
                # when its first piece has failed already
                result = self._client.put_object(
                    self._bucket,
                    key,
                    counted,  # type: ignore[arg-type]
                    -1 if length is None else length,
                    part_size=UPLOAD_PART_BYTES,
                    num_parallel_uploads=1,
                )
                return ObjectInfo(key, counted.count, answered_at(result.http_headers), result.etag)

            return self._in_bucket(upload, before_retry=counted.rewind)

    def create(self, key: str, data: bytes) -> ObjectInfo:
        """Write a small object once, by ``If-None-Match: *``.

        The SDK has no conditional PUT, so the request is a presigned one with that header. Some stores ignore
        the header: for them it is asked first whether the object is there, which settles all but a true race.
        Who may publish is then settled by the lock in PostgreSQL that the callers hold.
        """
        check_key(key)
        if self.exists(key):
            raise ObjectExists(f"There is an object '{key}' already.")
        with self._errors(key):
            return self._in_bucket(lambda: self._put_once(key, data))

    def get(self, key: str) -> bytes:
        """The whole object."""
        with self.open(key) as file:
            return file.read()

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Some bytes of the object."""
        check_range(start, length)
        if length == 0:
            self.stat(key)
            return b""
        with self._errors(check_key(key)):
            try:
                return self._again(lambda: self._read_body(key, start, length), f"'{key}'")
            except S3Error as error:
                if error.code == "InvalidRange":  # it begins past the end
                    return b""
                raise

    def open(self, key: str) -> BinaryIO:
        """A seekable file that streams the object."""
        check_key(key)
        reader = S3Reader(lambda start, etag: self._fetch(key, start, etag), key, self._endpoint, self._pauses)
        return io.BufferedReader(reader, READ_BUFFER_BYTES)

    def stat(self, key: str) -> ObjectInfo:
        """Size, time and etag."""
        with self._errors(check_key(key)):
            found = self._client.stat_object(self._bucket, key)
            return ObjectInfo(key, found.size or 0, found.last_modified or datetime.now(UTC), found.etag)

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self.stat(key)
        except ObjectNotFound:
            return False
        return True

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects by prefix, sorted by key."""
        check_prefix(prefix)
        with contextlib.suppress(ObjectNotFound), self._errors(prefix):
            for found in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
                modified = found.last_modified or datetime.now(UTC)
                yield ObjectInfo(found.object_name or "", found.size or 0, modified, found.etag)

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        with contextlib.suppress(ObjectNotFound), self._errors(check_key(key)):
            self._client.remove_object(self._bucket, key)

    def sweep(self, before: datetime, *, delete: bool) -> tuple[ObjectInfo, ...]:
        """Multipart uploads that were begun before that moment and neither completed nor aborted."""
        with contextlib.suppress(ObjectNotFound), self._errors():
            old = [(key, upload) for key, upload in self._uploads() if upload.initiated_time < before]
            for key, upload in old if delete else ():
                with contextlib.suppress(ObjectNotFound), self._errors(key):
                    self._client._abort_multipart_upload(self._bucket, key, upload.upload_id)
            return tuple(ObjectInfo(key, 0, upload.initiated_time) for key, upload in old)
        return ()

    def check(self) -> None:
        """Write, read and remove a small object."""
        key = f"checks/{uuid.uuid4().hex}"
        self.put(key, b"ok")
        try:
            if self.get(key) != b"ok":
                raise StoreUnavailable(f"The store {self._endpoint} does not give back what was written to it.")
        finally:
            self.delete(key)

    # -- how it is done ----------------------------------------------------------------------------------
    def _errors(self, key: str = "") -> contextlib.AbstractContextManager[None]:
        return store_errors(self._endpoint, self._bucket, key)

    def _in_bucket(self, write: Callable[[], T], before_retry: Callable[[], None] = lambda: None) -> T:
        """Do ``write``; where the bucket is missing, make it and do it again."""
        try:
            return write()
        except S3Error as error:
            if error.code != "NoSuchBucket":
                raise
        try:
            self._client.make_bucket(self._bucket)
        except S3Error as error:
            if error.code not in _MADE_BY_SOMEBODY:
                raise
        before_retry()
        return write()

    def _put_once(self, key: str, data: bytes) -> ObjectInfo:
        url = self._client.get_presigned_url("PUT", self._bucket, key, expires=timedelta(minutes=10))
        digest = hashlib.md5(data, usedforsecurity=False)
        headers = {"If-None-Match": "*", "Content-MD5": base64.b64encode(digest.digest()).decode()}
        attempts: list[int] = []

        def request() -> BaseHTTPResponse:
            attempts.append(1)
            return self._http.request("PUT", url, body=data, headers=headers, retries=False)

        response = self._again(request, f"'{key}'", lambda answer: answer.status in (409, 500, 502, 503, 504))
        if response.status == 412:
            # after a lost answer the object that is there may be the one we wrote
            if len(attempts) > 1 and self.get(key) == data:
                return self.stat(key)
            raise ObjectExists(f"There is an object '{key}' already.")
        if response.status != 200:
            raise (
                S3Error.fromxml(response)
                if response.data
                else unavailable(self._endpoint, f"'{key}'", f"status {response.status}.")
            )
        return ObjectInfo(
            key, len(data), answered_at(response.headers), (response.headers.get("etag") or "").strip('"')
        )

    def _again(self, action: Callable[[], T], what: str, poor: Callable[[T], bool] = lambda _: False) -> T:
        """``action`` until it gives an answer that is not ``poor``, with the pauses of this store."""
        for pause in self._pauses:
            try:
                answer = action()
                if not poor(answer):
                    return answer
            except urllib3.exceptions.MaxRetryError:
                raise  # the request as a whole has had its retries
            except TRANSPORT:
                pass
            time.sleep(pause)
        try:
            return action()
        except TRANSPORT as error:
            raise unavailable(self._endpoint, what, f"{error}.") from error

    def _fetch(self, key: str, start: int, etag: str | None) -> BaseHTTPResponse:
        headers: dict[str, str | list[str] | tuple[str]] | None = {"If-Match": etag} if etag else None
        with self._errors(key):
            try:
                return self._client.get_object(self._bucket, key, offset=start, request_headers=headers)
            except S3Error as error:
                if error.code == "PreconditionFailed":
                    raise changed_while_read(key) from error
                raise

    def _read_body(self, key: str, start: int, length: int) -> bytes:
        response = self._client.get_object(self._bucket, key, offset=start, length=length)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def _uploads(self) -> Iterator[tuple[str, Any]]:
        """(key, upload) of all unfinished ones. The SDK dropped its public verbs for them, not the requests."""
        key_marker = upload_marker = None
        while True:
            page = self._client._list_multipart_uploads(
                self._bucket, key_marker=key_marker, upload_id_marker=upload_marker
            )
            for upload in page.uploads:
                # the SDK asks for escaped keys; Ceph escapes them without saying so, and the SDK believes it
                yield upload.object_name if page.encoding_type else unquote(upload.object_name), upload
            if not page.is_truncated:
                return
            key_marker, upload_marker = page.next_key_marker, page.next_upload_id_marker
