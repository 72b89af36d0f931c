"""One driver for each campaign at a time: who holds it, and whether they still live.

The journal alone already keeps two drivers from both winning; the lease keeps the second from paying for work it would lose.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import Any, final

from reactal.errors import DriverConflict, ObjectNotFound, StoreError
from reactal.store.holder import is_living, this_process
from reactal.store.objects import ObjectStore

__all__ = ["Lease"]

BEAT_SECONDS = 15.0


@final
class Lease:
    """Held from `acquire` to `release`; renewed by a thread. A driver that was killed on this machine frees it at once."""

    def __init__(self, objects: ObjectStore, prefix: str) -> None:
        self._objects = objects
        self._prefix = prefix.rstrip("/")
        self._token = uuid.uuid4().hex
        self._epoch: int | None = None
        self._stop = threading.Event()

    def acquire(self) -> None:
        """`DriverConflict` where another driver lives; nothing is written then."""
        last = max(self._epochs(), default=0)
        if (holder := self.holder()) is not None:
            host = holder["host"].partition("pid:")[0]
            raise DriverConflict(
                f"another driver (process {holder['pid']} on {host}) is at work on {self._prefix} in {self._objects.url}; "
                "wait for it, or stop it and start again"
            )
        if not self._objects.put_if_absent(
            self._key(last + 1, "held"), json.dumps({**this_process(), "token": self._token}).encode()
        ):
            raise DriverConflict(f"another driver took {self._prefix} in {self._objects.url} this moment; let that one go on")
        self._epoch = last + 1
        threading.Thread(target=self._renew, name="lease", daemon=True).start()

    def holder(self) -> dict[str, Any] | None:
        """The driver that lives, by host, pid and the time at which it began; None where nobody drives."""
        last = max(self._epochs(), default=0)
        return self._living(last) if last else None

    def release(self) -> None:
        """Free it; may be called twice, and without having acquired."""
        self._stop.set()
        if self._epoch is not None:
            self._objects.put(self._key(self._epoch, "freed"), b"")
            self._epoch = None

    def _epochs(self) -> list[int]:
        listed = self._objects.list(f"{self._prefix}/")
        return [int(name) for key in listed if (name := key.rpartition("/")[2].partition(".")[0]).isdecimal()]

    def _living(self, epoch: int) -> dict[str, Any] | None:
        """Who holds this epoch; None if freed, dead or long silent."""
        if self._read(self._key(epoch, "freed")) is not None:
            return None
        holder: dict[str, Any] = json.loads(self._read(self._key(epoch, "held")) or b"{}")
        if not holder:
            return None
        beat = json.loads(self._read(self._key(epoch, "beat")) or b"{}").get("time")
        return holder if is_living(holder, beat=beat) else None

    def _renew(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            epoch = self._epoch
            if epoch is None:
                return
            try:
                self._objects.put(self._key(epoch, "beat"), json.dumps({"time": time.time()}).encode())
            except StoreError:  # the work itself will meet the broken store and say so
                continue

    def _read(self, key: str) -> bytes | None:
        try:
            return self._objects.get(key)
        except ObjectNotFound:
            return None

    def _key(self, epoch: int, what: str) -> str:
        return f"{self._prefix}/{epoch:08d}.{what}"
