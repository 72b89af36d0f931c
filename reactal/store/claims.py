"""Who is computing which label at this moment, so that two campaigns that want the same one do not both pay for it.

A claim saves work and decides nothing: the label store takes the first label of a key, whoever had claimed it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, final
from uuid import uuid4

from reactal.errors import ObjectNotFound, StoreError
from reactal.store.holder import is_living, this_process
from reactal.store.objects import ObjectStore

__all__ = ["Claims"]

BEAT_SECONDS = 15.0


@final
class Claims:
    """Objects `claims/<theory>/<structure>`, there while somebody computes; renewed by a thread, void when their process dies."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._token = uuid4().hex

    def is_taken(self, theory: str, structure: str) -> bool:
        """Whether another living slot computes it."""
        holder = self._holder(_key(theory, structure))
        return holder is not None and holder["token"] != self._token and is_living(holder)

    @contextmanager
    def held(self, theory: str, structure: str) -> Iterator[bool]:
        """Claim it; False where another living slot has it, and then nothing is claimed."""
        key = _key(theory, structure)
        mine = self._take(key)
        done = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(key, done), name="claim", daemon=True)
        if mine:
            renewing.start()
        try:
            yield mine
        finally:
            done.set()
            if mine:
                renewing.join()  # a last beat must not come after the end
                with suppress(StoreError):  # it is void once this process ends
                    self._objects.delete(key)

    def _take(self, key: str) -> bool:
        if self._objects.put_if_absent(key, self._me()):
            return True
        holder = self._holder(key)
        if holder is not None and is_living(holder):
            return False
        self._objects.delete(key)  # of a process that died
        return self._objects.put_if_absent(key, self._me())

    def _holder(self, key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._objects.get(key))
        except (ObjectNotFound, ValueError):
            return None
        return found

    def _renew(self, key: str, done: threading.Event) -> None:
        while not done.wait(BEAT_SECONDS):
            with suppress(StoreError):  # whoever computes will meet the broken store and say so
                self._objects.put(key, self._me())

    def _me(self) -> bytes:
        return json.dumps({**this_process(), "token": self._token}).encode()


def _key(theory: str, structure: str) -> str:
    return f"claims/{theory}/{structure}"
