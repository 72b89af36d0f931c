"""Objects in an S3 bucket, through boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, final
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from reactal.errors import ObjectNotFound
from reactal.store.keys import check_key, check_prefix, is_key
from reactal.store.s3_client import S3Options, configured_options, s3_client
from reactal.store.s3_errors import code_of, explained, is_conflict, is_precondition, is_transient
from reactal.store.s3_location import S3Location
from reactal.store.s3_multipart import upload_parts

__all__ = ["S3Options", "S3Store"]

T = TypeVar("T")
WRITER = "reactal-writer"  # metadata that tells our own write, whose answer was lost, from another's
NEW = {"IfNoneMatch": "*"}


@final
class S3Store:
    """An `ObjectStore` under a bucket's prefix; credentials come from the environment or boto3's other sources only.

    `conditional=False` is for servers without If-None-Match, where only one process may write. It can be pickled: the
    copy makes its own connections.
    """

    def __init__(
        self, location: S3Location, options: S3Options | None = None, *, conditional: bool = True, client: Any = None
    ) -> None:
        self.url = location.url
        self._location = location
        self._options = options or configured_options()
        self._conditional = conditional
        self._client = client or s3_client(location, self._options)
        self._where = f"s3://{location.bucket} at {self._client.meta.endpoint_url}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._location, self._options, self._conditional)

    def with_options(self, options: S3Options) -> S3Store:
        """The same place through the same connections, with requests sent otherwise (but for the time limits)."""
        return S3Store(self._location, options, conditional=self._conditional, client=self._client)

    def get(self, key: str) -> bytes:
        target = self._target(key)

        def request() -> bytes:
            body: bytes = self._client.get_object(**target)["Body"].read()
            return body

        try:
            return self._answered(f"object {key} cannot be read", request)
        except _Refused as refused:
            raise ObjectNotFound(f"no object {key} in {self.url}") from refused.error

    def put(self, key: str, data: bytes) -> None:
        self._write(key, data, writer=uuid4().hex, condition={})

    def put_if_absent(self, key: str, data: bytes) -> bool:
        writer = uuid4().hex
        if self._conditional:
            return self._write(key, data, writer=writer, condition=NEW)
        return self._writer_of(key) is None and self._write(key, data, writer=writer, condition={})

    def list(self, prefix: str) -> Iterator[str]:
        full = self._location.full(check_prefix(prefix))
        request: dict[str, Any] = {**self._location.bucket_of_owner, "Prefix": full}
        while True:
            page = self._answered(f"prefix {prefix!r} cannot be listed", lambda: self._client.list_objects_v2(**request))
            keys = (self._location.key(entry["Key"]) for entry in page.get("Contents", ()))
            yield from (key for key in keys if is_key(key))
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, key: str) -> None:
        target = self._target(key)
        self._answered(f"object {key} cannot be removed", lambda: self._client.delete_object(**target))

    # -- how ---------------------------------------------------------------------------------------------------------

    def _target(self, key: str) -> dict[str, str]:
        return {**self._location.bucket_of_owner, "Key": self._location.full(check_key(key))}

    def _write(self, key: str, data: bytes, *, writer: str, condition: dict[str, str]) -> bool:
        """Whether the write was done; False where the condition refused it and the object there is not ours."""
        target = self._target(key)
        what = f"object {key} cannot be written"
        marked = {WRITER: writer}
        try:
            if len(data) < self._options.multipart_from:
                self._answered(
                    what,
                    lambda: self._client.put_object(**target, **condition, **self._location.at_rest, Body=data, Metadata=marked),
                )
            else:
                self._write_parts(what, target, data, marked=marked, condition=condition)
        except _Refused as refused:
            # Also when an earlier try of this very write succeeded and only its answer was lost.
            if self._writer_of(key) == writer:
                return True
            if not is_precondition(refused.error):
                raise explained(refused.error, what=what, where=self._where) from refused.error
            return False
        return True

    def _write_parts(
        self, what: str, target: dict[str, str], data: bytes, *, marked: dict[str, str], condition: dict[str, str]
    ) -> None:
        def upload() -> None:
            upload_parts(
                self._client,
                target,
                data,
                new={**self._location.at_rest, "Metadata": marked},
                condition=condition,
                part_size=self._options.part_size,
                parts_at_once=self._options.parts_at_once,
                retried=self._retrying(lambda error: is_transient(error) and not is_conflict(error)),
            )

        # A conflict is the one error after which S3 wants every part again.
        self._answered(what, upload, again=is_conflict)

    def _writer_of(self, key: str) -> str | None:
        """The mark of the write that made the object; empty for another program's, None if there is no object."""
        target = self._target(key)
        try:
            head = self._answered(f"object {key} cannot be looked up", lambda: self._client.head_object(**target))
        except _Refused:
            return None
        return str(head.get("Metadata", {}).get(WRITER, ""))

    def _answered(self, what: str, request: Callable[[], T], *, again: Callable[[Any], bool] = is_transient) -> T:
        """The answer after retries; `_Refused` for the answers that are no failure, a `StoreError` for those that are."""
        try:
            return self._retrying(again)(request)
        except (BotoCoreError, ClientError) as error:
            if is_precondition(error) or code_of(error) in ("404", "NoSuchKey", "NoSuchUpload"):
                raise _Refused(error) from error
            raise explained(error, what=what, where=self._where) from error

    def _retrying(self, again: Callable[[Any], bool]) -> Retrying:
        options = self._options
        return Retrying(
            retry=retry_if_exception(again),
            wait=wait_exponential(multiplier=options.first_wait, max=options.longest_wait) + wait_random(0, options.first_wait),
            stop=stop_after_attempt(options.attempts),
            reraise=True,
        )


class _Refused(Exception):
    """S3 answered that the object (or upload) is not there, or is there already."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _rebuilt(location: S3Location, options: S3Options, conditional: bool) -> S3Store:
    return S3Store(location, options, conditional=conditional)
