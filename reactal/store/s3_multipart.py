"""One large object in parts, several at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

__all__ = ["upload_parts"]

MOST_PARTS = 10_000  # S3's limit
Retried = Callable[[Callable[[], Any]], Any]  # calls a request, again where its error is worth it


def upload_parts(
    client: Any,
    target: Mapping[str, str],
    data: bytes,
    *,
    new: Mapping[str, Any],
    condition: Mapping[str, str],
    part_size: int,
    parts_at_once: int,
    retried: Retried,
) -> None:
    """Upload and complete under `condition`; after any failure nothing stays behind, and boto's error is raised.

    `new` is what S3 wants to know of an object when it begins: metadata, encryption.
    """
    upload = {**target, "UploadId": retried(lambda: client.create_multipart_upload(**target, **new))["UploadId"]}
    size = max(part_size, -(-len(data) // MOST_PARTS))

    def send(number: int) -> dict[str, Any]:
        body = data[(number - 1) * size : number * size]
        answer = retried(lambda: client.upload_part(**upload, PartNumber=number, Body=body))
        return {"PartNumber": number, "ETag": answer["ETag"]}

    try:
        with ThreadPoolExecutor(parts_at_once) as threads:
            parts = list(threads.map(send, range(1, max(1, -(-len(data) // size)) + 1)))
        retried(lambda: client.complete_multipart_upload(**upload, **condition, MultipartUpload={"Parts": parts}))
    except BaseException:
        with suppress(BotoCoreError, ClientError):  # the first error is the one to tell
            client.abort_multipart_upload(**upload)
        raise
