"""Many objects at once: a store that is far away answers many requests in the time of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from reactal.errors import ObjectNotFound
from reactal.store.objects import ObjectStore

__all__ = ["fetch"]


def fetch(objects: ObjectStore, keys: Iterable[str], *, at_once: int = 8) -> Iterator[bytes | None]:
    """The bytes of each key in order, None where there is no object; at most `4 * at_once` objects wait in memory."""

    def one(key: str) -> bytes | None:
        try:
            return objects.get(key)
        except ObjectNotFound:
            return None

    remaining = iter(keys)
    with ThreadPoolExecutor(at_once) as threads:
        while window := list(islice(remaining, 4 * at_once)):
            yield from threads.map(one, window) if len(window) > 1 else map(one, window)
