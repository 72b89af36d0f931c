"""Objects in this process's memory, for tests and notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import final

from reactal.errors import ObjectNotFound
from reactal.store.keys import check_key, check_prefix

__all__ = ["MemoryStore"]


@final
class MemoryStore:
    """An `ObjectStore` that ends with the process."""

    def __init__(self, name: str = "") -> None:
        self.url = f"memory://{name}"
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    def get(self, key: str) -> bytes:
        try:
            return self._objects[check_key(key)]
        except KeyError:
            raise ObjectNotFound(f"no object {key} in {self.url}") from None

    def put(self, key: str, data: bytes) -> None:
        self._objects[check_key(key)] = bytes(data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self._lock:
            if check_key(key) in self._objects:
                return False
            self._objects[key] = bytes(data)
            return True

    def list(self, prefix: str) -> Iterator[str]:
        check_prefix(prefix)
        with self._lock:
            keys = sorted(key for key in self._objects if key.startswith(prefix))
        return iter(keys)

    def delete(self, key: str) -> None:
        self._objects.pop(check_key(key), None)
