"""A store from its URL."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

from reactal.errors import ConditionalWritesUnsupported, InputError
from reactal.store.local import LocalStore
from reactal.store.memory import MemoryStore
from reactal.store.objects import ObjectStore
from reactal.store.s3_location import S3Location

if TYPE_CHECKING:
    from reactal.store.s3 import S3Store

__all__ = ["open_store", "require_writable", "url_below"]

PROBES = ".probe"
_trusted: set[S3Location] = set()  # probed by this process; workers open the same store for every task


def open_store(url: str, *, single_writer: bool = False) -> ObjectStore:
    """The store at `memory://NAME`, `file:///folder`, a plain path, or `s3://bucket/prefix?endpoint=...&region=...`.

    `single_writer` is the user's word that only one process writes: it allows servers and file systems on which
    "write if absent" cannot be had atomically. Without it such an S3 server raises `ConditionalWritesUnsupported`.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return LocalStore(_folder(url, url), hard_links=not single_writer)
    if scheme == "file":
        return LocalStore(_folder(unquote(rest), url), hard_links=not single_writer)
    if scheme == "memory":
        return _memory(rest)
    if scheme == "s3":
        return _s3(S3Location.parse(url), single_writer=single_writer)
    raise InputError(f"the store {url} is of no known kind; write a folder, file:///folder or s3://bucket/prefix")


def url_below(url: str, key: str) -> str:
    """The URL of what lies under `key` in the store at `url`: a store that `open_store` opens."""
    place, mark, options = url.partition("?")
    return f"{place.rstrip('/')}/{key}{mark}{options}"


def require_writable(store: ObjectStore) -> None:
    """Write and remove a small object, so that a store without room or permission is found before work is spent."""
    key = f"{PROBES}/{uuid4().hex}"
    store.put(key, b"")
    store.delete(key)


def _folder(path: str, url: str) -> str:
    if not path:
        raise InputError(f"the store {url!r} names no folder; write a path or file:///folder")
    return path


@cache
def _memory(name: str) -> MemoryStore:
    """One store a name, as long as the process lives."""
    return MemoryStore(name)


def _s3(location: S3Location, *, single_writer: bool) -> S3Store:
    from reactal.store.s3 import S3Store

    store = S3Store(location, conditional=not single_writer)
    if not single_writer and location not in _trusted:
        _require_conditional_writes(store)
        _trusted.add(location)
    return store


def _require_conditional_writes(store: S3Store) -> None:
    """Write one key three times; a server to be trusted with several writers takes only the first.

    The third is in parts, which servers check in another place than whole objects.
    """
    from reactal.store.s3 import S3Options

    key = f"{PROBES}/{uuid4().hex}"
    store.put_if_absent(key, b"1")
    try:
        in_parts = store.with_options(S3Options(multipart_from=0))
        ignored = store.put_if_absent(key, b"2") or in_parts.put_if_absent(key, b"3")
    finally:
        store.delete(key)
    if ignored:
        raise ConditionalWritesUnsupported(
            f"the S3 server of {store.url} ignores If-None-Match, so two drivers could overwrite each other's journal; "
            "use a server with conditional writes, or set `single_writer: true` if only one process writes to this store"
        )
