"""The one interface to stored bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

__all__ = ["ObjectStore"]


class ObjectStore(Protocol):
    """Named immutable-or-replaced blobs.

    Keys are relative POSIX paths of `[A-Za-z0-9._=+-]` segments; others raise `ValueError`. A `get` sees either the whole
    object or none of it. Every method may raise `StoreUnavailable` (after its own retries) or `CredentialsRejected`.
    """

    url: str

    def get(self, key: str) -> bytes:
        """The bytes under `key`; `ObjectNotFound` if there are none."""

    def put(self, key: str, data: bytes) -> None:
        """Store or replace; durable when it returns."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Store only if `key` is new, atomically over all writers; False if it was there already."""

    def list(self, prefix: str) -> Iterator[str]:
        """Every key that starts with `prefix`, in ascending order."""

    def delete(self, key: str) -> None:
        """Remove; silent if absent."""
